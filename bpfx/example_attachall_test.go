package bpfx_test

import (
	"fmt"
	"log"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
)

// A whole object, attached by its section names. What they don't say, options
// do.
func ExampleLoadAndAttach() {
	spec, err := ebpf.LoadCollectionSpec("monitor.o")
	if err != nil {
		log.Fatal(err)
	}
	a, err := bpfx.LoadAndAttach(spec, &bpfx.AttachOptions{
		Interface: "eth0", // for SEC("xdp") and SEC("tcx/ingress")
		Skip:      []string{"trace_old_kernels"},
		Hooks:     map[string]bpfx.Hook{"count": bpfx.XDP{Interface: "eth1", Mode: bpfx.XDPGeneric}},
	})
	if err != nil {
		log.Fatal(err) // all that is missing, program by program
	}
	defer a.Close()
	fmt.Println(a)
}
