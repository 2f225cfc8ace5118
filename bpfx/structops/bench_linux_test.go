package structops_test

import (
	"io"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx/structops"
	"github.com/bpfx/go/examples/tcpcc/aimd"
	"github.com/bpfx/go/internal/testutil"
)

// The names of benchmarks end in who does the work; the program in bench/
// compares them.

// plain is a congestion control without maps, of five callbacks.
func plain(name string) *structops.Spec {
	two := &ebpf.ProgramSpec{License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}}
	return &structops.Spec{
		Type:  "tcp_congestion_ops",
		Name:  name,
		Funcs: map[string]*ebpf.ProgramSpec{"ssthresh": two, "undo_cwnd": two, "cong_avoid": two, "init": two, "release": two},
	}
}

// plainCollection is the same for cilium/ebpf.
func plainCollection(s *structops.Spec) *ebpf.CollectionSpec {
	pointer := &btf.Pointer{Target: &btf.FuncProto{Return: &btf.Void{}}}
	st := &btf.Struct{Name: s.Type}
	coll := &ebpf.CollectionSpec{Programs: make(map[string]*ebpf.ProgramSpec), Maps: make(map[string]*ebpf.MapSpec)}
	for member, p := range s.Funcs {
		p = p.Copy()
		p.Type, p.AttachType, p.AttachTo = ebpf.StructOps, ebpf.AttachStructOps, s.Type+":"+member
		coll.Programs[member] = p
		st.Members = append(st.Members, btf.Member{Name: member, Type: pointer, Offset: btf.Bits(8 * st.Size)})
		st.Size += 8
	}
	char := &btf.Int{Name: "char", Size: 1, Encoding: btf.Char}
	st.Members = append(st.Members, btf.Member{Name: "name", Type: &btf.Array{Type: char, Index: char, Nelems: 16}, Offset: btf.Bits(8 * st.Size)})
	data := make([]byte, st.Size+16)
	copy(data[st.Size:], s.Name)
	st.Size += 16
	coll.Maps["ops"] = &ebpf.MapSpec{
		Name: "ops", Type: ebpf.StructOpsMap, Key: &btf.Int{Size: 4}, KeySize: 4, Value: st, ValueSize: st.Size, MaxEntries: 1,
		Flags: 1 << 13, Contents: []ebpf.MapKV{{Key: uint32(0), Value: data}}, // BPF_F_LINK
	}
	return coll
}

func BenchmarkLoad(b *testing.B) {
	testutil.NeedRoot(b)
	testutil.NeedKernel(b, "6.4", "links of struct_ops")
	s := plain("bpfx_bench")
	b.Run("tcp_cc/cilium", func(b *testing.B) {
		cache := btf.NewCache()
		if _, err := cache.Kernel(); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			c, err := ebpf.NewCollectionWithOptions(plainCollection(s), ebpf.CollectionOptions{Cache: cache})
			if err != nil {
				b.Fatal(err)
			}
			c.Close()
		}
	})
	b.Run("tcp_cc/bpfx", func(b *testing.B) {
		needNoError(b, structops.With(s, func(*structops.Ops) error { return nil })) // the first decodes the kernel's BTF
		b.ReportAllocs()
		for b.Loop() {
			o, err := structops.Load(s)
			if err != nil {
				b.Fatal(err)
			}
			if err := o.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRegister(b *testing.B) {
	testutil.NeedRoot(b)
	testutil.NeedKernel(b, "6.4", "links of struct_ops")
	s := plain("bpfx_bench")
	b.Run("tcp_cc/cilium", func(b *testing.B) {
		c, err := ebpf.NewCollection(plainCollection(s))
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		b.ReportAllocs()
		for b.Loop() {
			l, err := link.AttachStructOps(link.StructOpsOptions{Map: c.Maps["ops"]})
			if err != nil {
				b.Fatal(err)
			}
			l.Close()
		}
	})
	b.Run("tcp_cc/bpfx", func(b *testing.B) {
		o, err := structops.Load(s)
		if err != nil {
			b.Fatal(err)
		}
		defer o.Close()
		b.ReportAllocs()
		for b.Loop() {
			if err := o.Register(); err != nil {
				b.Fatal(err)
			}
			if err := o.Unregister(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	testutil.NeedRoot(b)
	b.Run("tcp_cc/cilium", func(b *testing.B) {
		cache := btf.NewCache()
		if _, err := cache.Kernel(); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			spec, err := cache.Kernel()
			if err != nil {
				b.Fatal(err)
			}
			var st *btf.Struct
			if err := spec.TypeByName("tcp_congestion_ops", &st); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("tcp_cc/bpfx", func(b *testing.B) {
		if _, err := structops.Lookup("tcp_congestion_ops"); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := structops.Lookup("tcp_congestion_ops"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkThroughput moves 8 MiB over loopback, with the kernel's reno and
// with ours. One thread on one CPU writes and reads in turn: with two, where the
// scheduler puts them makes a quarter more or less.
func BenchmarkThroughput(b *testing.B) {
	testutil.NeedRoot(b)
	send := func(b *testing.B, cc string) {
		testutil.Netns(b) // locks the thread
		oneCPU(b)
		client, server := connect(b)
		if err := structops.UseTCPCC(client, cc); err != nil {
			b.Fatal(err)
		}
		const size = 8 << 20
		buf := make([]byte, 16<<10)
		b.SetBytes(size)
		for b.Loop() {
			for range size / len(buf) {
				if _, err := client.Write(buf); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(server, buf); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("aimd/kernel", func(b *testing.B) { send(b, "reno") })
	b.Run("aimd/bpfx", func(b *testing.B) {
		s, err := aimd.Spec("bpfx_bench")
		if err != nil {
			b.Fatal(err)
		}
		err = structops.WithRegistered(s, func(*structops.Ops) error {
			send(b, s.Name)
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	})
}

// oneCPU keeps the calling thread on one CPU.
func oneCPU(b *testing.B) {
	b.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		b.Fatal(err)
	}
	for cpu := 0; set.Count() > 1; cpu++ { // the last may have fewer interrupts
		set.Clear(cpu)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkTypes reads the BTF of the kernel and its modules, as the first
// Lookup does.
func BenchmarkTypes(b *testing.B) {
	vmlinux, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		b.Skip("skipping: needs the kernel's BTF:", err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := structops.ParseTypes(vmlinux, ""); err != nil {
			b.Fatal(err)
		}
	}
}
