package iter

import (
	"bytes"
	"errors"
	"fmt"
	stditer "iter"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/testutil"
)

// The names of benchmarks end in who does the work; the program in bench/
// compares them.

// BenchmarkTasks reads all tasks, 2,000 of which are threads that sleep: with an
// iterator that is open, with Tasks, which loads a program first, and from /proc,
// in the way one writes at first and in the best there is. Those read the files
// stat and status of /proc/PID/task/TID: both are needed for what a TaskInfo has.
// Threads that have exited, and times of less than 10 ms, are in neither.
func BenchmarkTasks(b *testing.B) {
	testutil.NeedInitialPIDs(b)
	startThreads(b, 2000)
	p, err := LoadTasks()
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	it := mustOpen(b, p, nil)
	run := func(name string, read func(testing.TB) int) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n = read(b)
			}
			if n < 2000 {
				b.Fatalf("%d tasks, want 2000 and more", n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/task")
		})
	}
	run("2000/bpfx", func(tb testing.TB) int { return countTasks(tb, Records[TaskInfo](it)) })
	run("2000/proc_tuned", tunedProc)
	run("2000/proc", naiveProc)
	run("loaded/bpfx", func(tb testing.TB) int { return countTasks(tb, Tasks()) })
	run("loaded/proc_tuned", tunedProc)
	run("loaded/proc", naiveProc)
}

func countTasks(tb testing.TB, tasks stditer.Seq2[TaskInfo, error]) (n int) {
	for t, err := range tasks {
		if err != nil {
			tb.Fatal(err)
		}
		if t.TID != 0 {
			n++
		}
	}
	return n
}

// naiveProc reads directories and files with package os.
func naiveProc(tb testing.TB) (n int) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		tb.Fatal(err)
	}
	for _, dir := range dirs {
		if _, err := strconv.Atoi(dir.Name()); err != nil {
			continue
		}
		tasks, err := os.ReadDir("/proc/" + dir.Name() + "/task")
		if err != nil {
			continue
		}
		for _, task := range tasks {
			t, err := procTask("/proc/" + dir.Name() + "/task/" + task.Name())
			if err == nil && t.TID != 0 {
				n++
			}
		}
	}
	return n
}

// tunedProc uses openat with buffers that are used again.
func tunedProc(tb testing.TB) (n int) {
	r := procReader{dents: [2][]byte{make([]byte, 64<<10), make([]byte, 64<<10)}, text: make([]byte, 8192)}
	proc, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer unix.Close(proc)
	r.each(proc, 0, func(pid []byte) {
		r.path = append(append(r.path[:0], pid...), "/task"...)
		dir, err := unix.Openat(proc, string(r.path), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		defer unix.Close(dir)
		r.each(dir, 1, func(tid []byte) {
			if t, ok := r.task(dir, tid); ok && t.TID != 0 {
				n++
			}
		})
	})
	return n
}

type procReader struct {
	dents [2][]byte
	text  []byte
	path  []byte
}

// each calls fn with each name in a directory that is a number.
func (r *procReader) each(dir, depth int, fn func(name []byte)) {
	for {
		n, err := unix.Getdents(dir, r.dents[depth])
		if err != nil || n == 0 {
			return
		}
		for b := r.dents[depth][:n]; len(b) > 19; {
			size := int(b[16]) | int(b[17])<<8 // struct linux_dirent64
			name := b[19:size]
			if name = name[:bytes.IndexByte(name, 0)]; name[0] >= '1' && name[0] <= '9' {
				fn(name)
			}
			b = b[size:]
		}
	}
}

// read reads a file of a task. What it returns is valid until the next call.
func (r *procReader) read(dir int, tid []byte, name string) []byte {
	r.path = append(append(r.path[:0], tid...), name...)
	fd, err := unix.Openat(dir, string(r.path), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, r.text)
	if err != nil {
		return nil
	}
	return r.text[:n]
}

func (r *procReader) task(dir int, tid []byte) (t TaskInfo, ok bool) {
	stat := r.read(dir, tid, "/stat")
	if len(stat) == 0 {
		return t, false
	}
	end := bytes.LastIndexByte(stat, ')')
	copy(t.Comm[:15], stat[bytes.IndexByte(stat, '(')+1:end])
	t.TID = int32(number(tid))
	t.State = TaskState(stat[end+2])
	field := 0
	for b := stat[end+4:]; len(b) > 0 && field < 19; field++ {
		i := bytes.IndexByte(b, ' ')
		if i < 0 {
			i = len(b)
		}
		switch field {
		case 0:
			t.PPID = int32(number(b[:i]))
		case 5:
			t.KernelThread = number(b[:i])&0x00200000 != 0
		case 10, 11:
			t.CPUTime += time.Duration(number(b[:i])) * tick
		case 18:
			t.Start = time.Duration(number(b[:i])) * tick
		}
		b = b[min(i+1, len(b)):]
	}
	status := r.read(dir, tid, "/status")
	for _, want := range []struct {
		name string
		set  func(first, second int64)
	}{
		{"\nTgid:\t", func(pid, _ int64) { t.PID = int32(pid) }},
		{"\nUid:\t", func(uid, euid int64) { t.UID, t.EUID = uint32(uid), uint32(euid) }},
		{"\nGid:\t", func(gid, _ int64) { t.GID = uint32(gid) }},
	} {
		i := bytes.Index(status, []byte(want.name))
		if i < 0 {
			return t, false
		}
		status = status[i+len(want.name):]
		line, _, _ := bytes.Cut(status, []byte("\n"))
		first, rest, _ := bytes.Cut(line, []byte("\t"))
		second, _, _ := bytes.Cut(rest, []byte("\t"))
		want.set(number(first), number(second))
	}
	return t, true
}

func number(b []byte) (n int64) {
	for _, c := range b {
		if c >= '0' && c <= '9' {
			n = 10*n + int64(c-'0')
		}
	}
	return n
}

// BenchmarkMap dumps hash tables of 4-byte keys and 8-byte values with bpfx, with
// BatchLookup and with a MapIterator. On kernels that refuse iterators over the
// entries of maps, bpfx uses batches too.
func BenchmarkMap(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"million", 1_000_000}, {"hundred_thousand", 100_000}, {"ten_thousand", 10_000}, {"thousand", 1_000}, {"small", 90}} {
		var m *ebpf.Map
		open := func(b *testing.B) {
			if m == nil {
				m = benchMap(b, size.n)
			}
		}
		run := func(name string, dump func(testing.TB, *ebpf.Map) int) {
			b.Run(size.name+"/"+name, func(b *testing.B) {
				open(b)
				b.ReportAllocs()
				if name == "bpfx" {
					dump(b, m) // the first decodes the kernel's BTF
				}
				for b.Loop() {
					if n := dump(b, m); n != size.n {
						b.Fatalf("%d entries, want %d", n, size.n)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size.n), "ns/entry")
			})
		}
		run("bpfx", dumpMap)
		run("batch", dumpBatch)
		run("iterator", dumpIterator)
		if m != nil {
			m.Close()
		}
	}
}

func benchMap(b *testing.B, n int) *ebpf.Map {
	b.Helper()
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: uint32(n)})
	if err != nil {
		b.Fatal(err)
	}
	keys, values := make([]uint32, n), make([]uint64, n)
	for i := range keys {
		keys[i], values[i] = uint32(i), uint64(i)<<8
	}
	if _, err := m.BatchUpdate(keys, values, nil); err != nil {
		b.Fatal(err)
	}
	return m
}

func dumpMap(tb testing.TB, m *ebpf.Map) (n int) {
	for e, err := range Map[uint32, uint64](m) {
		if err != nil {
			tb.Fatal(err)
		}
		if e.Value == uint64(e.Key)<<8 {
			n++
		}
	}
	return n
}

func dumpBatch(tb testing.TB, m *ebpf.Map) (n int) {
	size := min(4096, int(m.MaxEntries())+1)
	keys, values := make([]uint32, size), make([]uint64, size)
	var cursor ebpf.MapBatchCursor
	for {
		got, err := m.BatchLookup(&cursor, keys, values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			tb.Fatal(err)
		}
		for i := range got {
			if values[i] == uint64(keys[i])<<8 {
				n++
			}
		}
		if err != nil {
			return n
		}
	}
}

func dumpIterator(tb testing.TB, m *ebpf.Map) (n int) {
	var k uint32
	var v uint64
	it := m.Iterate()
	for it.Next(&k, &v) {
		if v == uint64(k)<<8 {
			n++
		}
	}
	if err := it.Err(); err != nil {
		tb.Fatal(err)
	}
	return n
}

// BenchmarkMapMethods dumps a map in each way, with values of different sizes.
func BenchmarkMapMethods(b *testing.B) {
	for _, typ := range []ebpf.MapType{ebpf.Hash, ebpf.Array} {
		for _, size := range []uint32{8, 64, 512, 4096} {
			const n = 4000
			m := newMap(b, &ebpf.MapSpec{Type: typ, KeySize: 4, ValueSize: size, MaxEntries: n})
			fill(b, m, n)
			for _, method := range []Method{ByIterator, ByBatch} {
				b.Run(fmt.Sprintf("%v/%d/%v", typ, size, method), func(b *testing.B) {
					for b.Loop() {
						d, err := NewDump[Raw, Raw](m, method)
						if err != nil {
							b.Fatal(err)
						}
						seen := 0
						for _, err := range d.All() {
							skipMethod(b, m, method, err)
							if err != nil {
								b.Fatal(err)
							}
							seen++
						}
						if d.Close(); seen != n {
							b.Fatalf("%d entries, want %d", seen, n)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/entry")
				})
			}
			runtime.KeepAlive(m)
		}
	}
}
