module github.com/bpfx/go/bench

go 1.25.0

require (
	github.com/bpfx/go v0.0.0
	github.com/gopacket/gopacket v1.7.7
	gvisor.dev/gvisor v0.0.0-20250205023644-9414b50a5633
)

require (
	github.com/cilium/ebpf v0.22.0 // indirect
	github.com/google/btree v1.1.2 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	golang.org/x/sys v0.45.0 // indirect
	golang.org/x/time v0.7.0 // indirect
)

replace github.com/bpfx/go => ../
