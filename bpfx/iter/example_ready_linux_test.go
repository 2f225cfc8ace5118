package iter_test

import (
	"fmt"
	"log"

	"github.com/cilium/ebpf"

	bpfiter "github.com/bpfx/go/bpfx/iter"
)

// Which processes of other users than root run right now?
func ExampleTasks() {
	for t, err := range bpfiter.Tasks() {
		if err != nil {
			log.Fatal(err)
		}
		if t.State == bpfiter.Running && t.UID != 0 {
			fmt.Println(t.PID, t.TID, t.Comm, t.CPUTime)
		}
	}
}

// The program stays loaded, and an iterator is read again and again.
func ExampleLoadTasks() {
	p, err := bpfiter.LoadTasks()
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	it, err := bpfiter.Open(p, &bpfiter.Options{Task: bpfiter.Task{PID: 1}})
	if err != nil {
		log.Fatal(err)
	}
	for t, err := range bpfiter.Records[bpfiter.TaskInfo](it) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(t.TID, t.Comm)
	}
}

// Sum up what counters per CPU say.
func ExampleMap() {
	m, err := ebpf.LoadPinnedMap("/sys/fs/bpf/packets", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	type flow struct {
		Addr    [4]byte
		Port    uint16
		Ingress bool
		_       uint8
	}
	for e, err := range bpfiter.Map[flow, []uint64](m) {
		if err != nil {
			log.Fatal(err)
		}
		var sum uint64
		for _, n := range e.Value {
			sum += n
		}
		fmt.Println(e.Key.Addr, e.Key.Port, sum)
	}
}

// A Dump reads a map again and again, and tells how.
func ExampleDump() {
	m, err := ebpf.LoadPinnedMap("/sys/fs/bpf/connections", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	d, err := bpfiter.NewDump[uint32, uint64](m, bpfiter.Fastest)
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	for e, err := range d.All() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Key, e.Value)
	}
	if method, why := d.Used(); why != nil {
		log.Printf("read %v, not as fast as can be: %v", method, why)
	}
}
