package main

// A goal is what a benchmark of the project promises.
type goal struct {
	pkg   string  // where the benchmark is, below the root of the repository
	name  string  // its name, without who does the work
	ratio float64 // ours may take this much of the peer's time
	ns    float64 // ours may take this long; 0 for no limit
	alloc int     // ours may allocate this often; -1 for no limit
	peer  string  // who the peer is, if not cilium
}

// against returns who the peer is, as its benchmark's name ends.
func (g goal) against() string {
	if g.peer != "" {
		return g.peer
	}
	return peer
}

// Who does the work, as the names of benchmarks end.
const (
	us   = "bpfx"
	peer = "cilium"
)

var goals = []goal{
	{pkg: "bpfx", name: "Load/xdp", ratio: 1.05, alloc: -1},
	{pkg: "bpfx", name: "Load/iter", ratio: 0.01, ns: 120_000, alloc: -1},
	{pkg: "bpfx", name: "Attach/raw_tracepoint", ratio: 1.03, alloc: -1},
	{pkg: "bpfx", name: "Attach/xdp", ratio: 1.03, alloc: -1},
	{pkg: "bpfx", name: "Run/xdp", ratio: 1.03, alloc: 0},
	{pkg: "bpfx", name: "Run/tc_with_context", ratio: 1.03, alloc: 1},
	{pkg: "bpfx/structops", name: "Lookup/tcp_cc", ratio: 1, ns: 50_000, alloc: 0},
	{pkg: "bpfx/structops", name: "Load/tcp_cc", ratio: 1.05, ns: 650_000, alloc: -1},
	{pkg: "bpfx/structops", name: "Register/tcp_cc", ratio: 1.05, alloc: -1},
	{pkg: "bpfx/structops", name: "Throughput/aimd", ratio: 1 / 0.95, alloc: -1, peer: "kernel"},
	{pkg: "bpfx/tailcall", name: "LoadChain/34", ratio: 1.3, alloc: -1},
	{pkg: "bpfx/tailcall", name: "Set/constant", ratio: 1.05, alloc: 2},
	{pkg: "bpfx/tailcall", name: "Set/variable", ratio: 1.05, alloc: 2},
	{pkg: "bpfx/tailcall", name: "Hops/33", ratio: 1.05, alloc: -1},
	{pkg: "bpfx/tailcall", name: "Check/straight", ratio: 1, ns: 1_000_000, alloc: -1},
	{pkg: "bpfx/tailcall", name: "Check/branches", ratio: 1, ns: 1_000_000, alloc: -1},
	{pkg: "bench/packets", name: "AppendTo/tcp4-0", ratio: 1 / 3.3, ns: 50, alloc: 0, peer: "gopacket"},
	{pkg: "bench/packets", name: "AppendTo/tcp4-64", ratio: 1 / 3.3, ns: 50, alloc: 0, peer: "gopacket"},
	{pkg: "bench/packets", name: "AppendTo/tcp4-1400", ratio: 1 / 3.3, ns: 145, alloc: 0, peer: "gopacket"},
	{pkg: "bench/packets", name: "AppendTo/tcp4-9000", ratio: 1 / 3.3, ns: 750, alloc: 0, peer: "gopacket"},
	{pkg: "bench/packets", name: "AppendTo/vlan-tcp6-64", ratio: 1 / 3.3, alloc: 0, peer: "gopacket"},
	{pkg: "bench/packets", name: "AppendTo/tcp4-0", ratio: 1 / 15.0, alloc: 0, peer: "gopacket-fresh"},
	{pkg: "bench/packets", name: "AppendTo/tcp4-64", ratio: 1 / 15.0, alloc: 0, peer: "gopacket-fresh"},
	{pkg: "bench/packets", name: "AppendTo/tcp4-1400", ratio: 1 / 15.0, alloc: 0, peer: "gopacket-fresh"},
	{pkg: "bench/packets", name: "AppendTo/tcp4-9000", ratio: 1 / 15.0, alloc: 0, peer: "gopacket-fresh"},
	{pkg: "bench/packets", name: "AppendTo/tcp4-0", ratio: 1, alloc: 0, peer: "gvisor"},
	{pkg: "bench/packets", name: "AppendTo/tcp4-64", ratio: 1, alloc: 0, peer: "gvisor"},
	{pkg: "bench/packets", name: "AppendTo/tcp4-1400", ratio: 1, alloc: 0, peer: "gvisor"},
	{pkg: "bench/packets", name: "AppendTo/tcp4-9000", ratio: 1, alloc: 0, peer: "gvisor"},
	{pkg: "bench/packets", name: "Decode/tcp4", ratio: 0.5, alloc: 0, peer: "gopacket"},
	{pkg: "bench/packets", name: "Decode/tcp4-options", ratio: 0.5, alloc: 0, peer: "gopacket"},
	{pkg: "bench/packets", name: "Decode/vlan-udp6", ratio: 0.5, alloc: 0, peer: "gopacket"},
	{pkg: "bench/packets", name: "Decode/vxlan", ratio: 0.5, alloc: 0, peer: "gopacket"},
	{pkg: "bench/packets", name: "Checksum/1400", ratio: 1.05, ns: 1400 / 15.0, alloc: 0, peer: "gvisor"},
	{pkg: "bench/packets", name: "Checksum/9000", ratio: 1.05, ns: 9000 / 15.0, alloc: 0, peer: "gvisor"},
	{pkg: "bench/packets", name: "Checksum/65535", ratio: 1.05, ns: 65535 / 15.0, alloc: 0, peer: "gvisor"},
	{pkg: "bpfx/iter", name: "Open/task", ratio: 1.1, alloc: -1},
	{pkg: "bpfx/iter", name: "Records/tasks", ratio: 1.08, alloc: 8, peer: "raw"},
	{pkg: "bpfx/iter", name: "Targets/kernel", ratio: 0.1, ns: 10_000_000, alloc: -1},
	{pkg: "bpfx/iter", name: "Tasks/2000", ratio: 1.0 / 60, alloc: -1, peer: "proc"},
	{pkg: "bpfx/iter", name: "Tasks/2000", ratio: 1.0 / 30, alloc: -1, peer: "proc_tuned"},
	{pkg: "bpfx/iter", name: "Tasks/loaded", ratio: 1.0 / 45, alloc: -1, peer: "proc"},
	{pkg: "bpfx/iter", name: "Tasks/loaded", ratio: 1.0 / 22, alloc: -1, peer: "proc_tuned"},
	{pkg: "bpfx/iter", name: "Map/million", ratio: 1.0 / 12, alloc: -1, peer: "iterator"},
	{pkg: "bpfx/iter", name: "Map/million", ratio: 1 / 1.1, alloc: -1, peer: "batch"},
	{pkg: "bpfx/iter", name: "Map/small", ratio: 1, alloc: -1, peer: "batch"},
}
