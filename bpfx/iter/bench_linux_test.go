package iter

import (
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/testutil"
)

// The names of benchmarks end in who does the work; the program in bench/
// compares them.

// startThreads gives the process n threads more.
func startThreads(tb testing.TB, n int) {
	var started, ended sync.WaitGroup
	done := make(chan struct{})
	started.Add(n)
	for range n {
		ended.Go(func() {
			runtime.LockOSThread()
			started.Done()
			<-done
		})
	}
	started.Wait()
	tb.Cleanup(func() { close(done); ended.Wait() })
}

func BenchmarkRecords(b *testing.B) {
	p := mustLoad(b, "task", write(b, "task",
		from("task", "task_struct", "pid"), from("task", "task_struct", "tgid"),
		from("task", "task_struct", "flags"), from("task", "task_struct", "start_time"),
		from("task", "task_struct", "exit_code"), from("task", "task_struct", "prio"),
		from("task", "task_struct", "stack")))
	type record [7]uint64
	const size = 56
	startThreads(b, 2000)
	it := mustOpen(b, p, nil)
	b.Run("tasks/raw", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 32<<10)
		for b.Loop() {
			n := rawPass(b, it, buf)
			if n < 2000*size || n%size != 0 {
				b.Fatalf("%d bytes", n)
			}
		}
	})
	b.Run("tasks/bpfx", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			for r, err := range Records[record](it) {
				if err != nil {
					b.Fatal(err)
				}
				if r[0] != 0 { // or the record isn't needed
					n++
				}
			}
			if n < 2000 {
				b.Fatalf("%d records", n)
			}
		}
	})
}

// rawPass reads a session with nothing between it and the kernel, and looks at
// a field of each record. It takes reads that end inside a record for an error.
func rawPass(b *testing.B, it *Iterator, buf []byte) (sum int) {
	var file io.ReadCloser
	err := it.a.Use(func(l link.Link) (err error) {
		file, err = l.(*link.Iter).Open()
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	fd := int(file.(interface{ Fd() uintptr }).Fd())
	seen := 0
	for {
		n, err := unix.Read(fd, buf)
		if err != nil {
			b.Fatal(err)
		}
		if n == 0 {
			break
		}
		for i := 0; i+56 <= n; i += 56 {
			if buf[i] != 0 {
				seen++
			}
		}
		sum += n
	}
	if seen == 0 {
		b.Fatal("no records")
	}
	return sum
}

// BenchmarkOpen opens an iterator and a session.
func BenchmarkOpen(b *testing.B) {
	p := mustLoad(b, "task", quiet())
	b.Run("task/cilium", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			it, err := link.AttachIter(link.IterOptions{Program: p.Program})
			if err != nil {
				b.Fatal(err)
			}
			r, err := it.Open()
			if err != nil {
				b.Fatal(err)
			}
			r.Close()
			it.Close()
		}
	})
	b.Run("task/bpfx", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			it, err := Open(p, nil)
			if err != nil {
				b.Fatal(err)
			}
			r, err := it.Reader()
			if err != nil {
				b.Fatal(err)
			}
			r.Close()
			it.Close()
		}
	})
}

// BenchmarkTargets reads the kernel's BTF anew each time.
func BenchmarkTargets(b *testing.B) {
	testutil.NeedRoot(b)
	b.Run("kernel/cilium", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			spec, err := btf.LoadKernelSpec()
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			for t, err := range spec.All() {
				if err != nil {
					b.Fatal(err)
				}
				if s, ok := t.(*btf.Struct); ok && strings.HasPrefix(s.Name, contextPrefix) {
					n++
				}
			}
			if n == 0 {
				b.Fatal("no targets")
			}
		}
	})
	b.Run("kernel/bpfx", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			cache.targets = nil
			if _, err := Targets(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
