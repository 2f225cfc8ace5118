package iter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/testutil"
)

// A targetTest reads a target and says what must be in the output.
type targetTest struct {
	name    string
	netns   bool // it is about a network namespace: take an empty one
	sources []source
	// setup returns options, and a check of the records: 8 bytes of each source.
	setup func(t *testing.T) (*Options, func(records [][]uint64) error)
}

var targetTests = []targetTest{
	{name: "task", sources: []source{from("task", "task_struct", "pid"), from("task", "task_struct", "tgid")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		testutil.NeedInitialPIDs(t)
		return nil, hasRow(uint64(os.Getpid()), uint64(os.Getpid()))
	}},
	{name: "task_file", sources: []source{from("task", "task_struct", "tgid"), from("fd"), from("file", "file", "f_inode", "inode", "i_ino")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		testutil.NeedInitialPIDs(t)
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return nil, hasRow(uint64(os.Getpid()), uint64(f.Fd()), inode(t, f.Name()))
	}},
	{name: "task_vma", sources: []source{from("task", "task_struct", "tgid"), from("vma", "vm_area_struct", "vm_start"), from("vma", "vm_area_struct", "vm_end")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		testutil.NeedInitialPIDs(t)
		line, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		var start, end uint64
		if _, err := fmt.Sscanf(string(line), "%x-%x", &start, &end); err != nil {
			t.Fatal(err)
		}
		return nil, hasRow(uint64(os.Getpid()), start, end)
	}},
	{name: "bpf_map", sources: []source{from("map", "bpf_map", "id"), from("map", "bpf_map", "max_entries")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		m := mustMap(t, &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 77})
		return nil, hasRow(mapID(t, m), 77)
	}},
	{name: "bpf_map_elem", sources: []source{raw("key", asm.Word), raw("value", asm.DWord)}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		m := mustMap(t, &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 10})
		for i := range uint32(5) {
			mustPut(t, m, i, uint64(i)<<40)
		}
		return &Options{Map: m}, func(rows [][]uint64) error {
			slices.SortFunc(rows, slices.Compare)
			if want := [][]uint64{{0, 0}, {1, 1 << 40}, {2, 2 << 40}, {3, 3 << 40}, {4, 4 << 40}}; !slices.EqualFunc(rows, want, slices.Equal) {
				return fmt.Errorf("got %v, want %v", rows, want)
			}
			return nil
		}
	}},
	{name: "bpf_sk_storage_map", netns: true, sources: []source{raw("value", asm.DWord)}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		num := &btf.Int{Name: "long", Size: 8}
		m := mustMap(t, &ebpf.MapSpec{Type: ebpf.SkStorage, KeySize: 4, ValueSize: 8, Flags: unix.BPF_F_NO_PREALLOC,
			Key: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}, Value: num})
		fd := socketOf(t, listenTCP(t))
		err := m.Put(uint32(fd), uint64(4711))
		if cpu, _ := os.ReadFile("/proc/cpuinfo"); errors.Is(err, unix.ENOMEM) && !bytes.Contains(cpu, []byte(" cx16 ")) {
			// Since 7.0 or so the kernel allocates it with kmalloc_nolock, which needs
			// an instruction that emulated processors may lack.
			t.Log("no socket storage: the processor has no cx16:", err)
			return &Options{Map: m}, func(rows [][]uint64) error { return nil }
		}
		if err != nil {
			t.Fatal(err)
		}
		return &Options{Map: m}, hasRow(4711)
	}},
	{name: "sockmap", netns: true, sources: []source{raw("key", asm.Word), from("sk", "sock", "__sk_common.skc_num")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		m := mustMap(t, &ebpf.MapSpec{Type: ebpf.SockMap, KeySize: 4, ValueSize: 4, MaxEntries: 4})
		l := listenTCP(t)
		mustPut(t, m, uint32(2), uint32(socketOf(t, l)))
		return &Options{Map: m}, hasRow(2, port(l.Addr()))
	}},
	{name: "bpf_prog", sources: []source{from("prog", "bpf_prog", "aux", "bpf_prog_aux", "id")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		id, ok := mustLoad(t, "bpf_prog", quiet()).ID()
		if !ok {
			t.Fatal("the program has no id")
		}
		return nil, hasRow(uint64(id))
	}},
	{name: "bpf_link", sources: []source{from("link", "bpf_link", "id")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		info, err := mustOpen(t, mustLoad(t, "bpf_link", quiet()), nil).Info()
		if err != nil {
			t.Fatal(err)
		}
		return nil, hasRow(uint64(info.ID))
	}},
	{name: "netlink", netns: true, sources: []source{from("sk", "netlink_sock", "portid")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: 471100}); err != nil {
			t.Fatal(err)
		}
		return nil, hasRow(471100)
	}},
	{name: "tcp", netns: true, sources: []source{from("sk_common", "sock_common", "skc_num"), from("uid")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		return nil, hasRow(port(listenTCP(t).Addr()), uint64(os.Getuid()))
	}},
	{name: "udp", netns: true, sources: []source{from("udp_sk", "udp_sock", "inet.sk.__sk_common.skc_num"), from("uid")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return nil, hasRow(port(c.LocalAddr()), uint64(os.Getuid()))
	}},
	{name: "unix", netns: true, sources: []source{from("unix_sk", "unix_sock", "sk.__sk_common.skc_family"), from("uid")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return nil, hasRow(unix.AF_UNIX, uint64(os.Getuid()))
	}},
	{name: "ipv6_route", netns: true, sources: []source{from("rt", "fib6_info", "fib6_dst.plen")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
			t.Skip("skipping IPv6: Requires CONFIG_IPV6 (or it is switched off)")
		}
		return nil, hasRow(128) // of ::1
	}},
	{name: "ksym", sources: []source{from("ksym", "kallsym_iter", "value")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		return nil, func(rows [][]uint64) error {
			data, err := os.ReadFile("/proc/kallsyms")
			if n := bytes.Count(data, []byte("\n")); err == nil && (len(rows) < n*9/10 || len(rows) > n*11/10) {
				err = fmt.Errorf("%d symbols, /proc/kallsyms has %d", len(rows), n)
			}
			return err
		}
	}},
	{name: "cgroup", sources: []source{from("cgroup", "cgroup", "kn", "kernfs_node", "id")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		return nil, hasRow(inode(t, testutil.Cgroup(t)))
	}},
	{name: "kmem_cache", sources: []source{from("s", "kmem_cache", "object_size")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		task, err := mustStruct(t, "task_struct")
		if err != nil {
			t.Fatal(err)
		}
		return nil, func(rows [][]uint64) error {
			for _, r := range rows {
				if r[0] >= uint64(task.Size) { // may have more at the end, which BTF doesn't tell
					return nil
				}
			}
			return fmt.Errorf("no cache has objects of the size of task_struct, %d: %v", task.Size, rows)
		}
	}},
	{name: "dmabuf", sources: []source{from("dmabuf", "dma_buf", "size")}, setup: func(t *testing.T) (*Options, func([][]uint64) error) {
		return nil, func([][]uint64) error { return nil } // there need be none
	}},
}

// TestTargets reads every target, and the version that each needs is checked
// where it skips.
func TestTargets(t *testing.T) {
	testutil.NeedRoot(t)
	for _, tt := range targetTests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.netns {
				testutil.Netns(t)
			}
			p := mustLoad(t, tt.name, write(t, tt.name, tt.sources...))
			opts, check := tt.setup(t)
			it := mustOpen(t, p, opts)
			for range 2 { // each loop is a session
				rows := rows(t, it, len(tt.sources))
				if err := check(rows); err != nil {
					t.Error(err)
				}
			}
			info, err := it.Info()
			if id, _ := p.ID(); err != nil || info.Target != tt.name || info.Program != id {
				t.Errorf("Info() = %+v, %v, want target %s, program %d", info, err, tt.name, id)
			}
			if opts != nil && opts.Map != nil && uint64(info.Map) != mapID(t, opts.Map) {
				t.Errorf("Info() = %+v, want map %d", info, mapID(t, opts.Map))
			}
			if got := it.String(); got != "iterator "+tt.name {
				t.Errorf("String() = %q", got)
			}
		})
	}
}

// TestTargetsKnown compares the list of tests with what this package and the
// kernel know.
func TestTargetsKnown(t *testing.T) {
	testutil.NeedRoot(t)
	all, err := Targets()
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range all {
		if _, known := traits[target.Name]; !known {
			t.Errorf("the kernel has a target that this package doesn't know:\n%s", target)
			continue
		}
		if m, ok := target.Member("meta"); !ok || m.Offset != 0 || m.Size != 8 || m.Type != "struct bpf_iter_meta *" || len(target.Members) < 2 {
			t.Errorf("target %s: %s", target.Name, target)
		}
		if !testutil.KernelAtLeast(t, target.Since) {
			t.Errorf("target %s is there before Linux %s", target.Name, target.Since)
		}
	}
	for name := range traits {
		if !slices.ContainsFunc(targetTests, func(tt targetTest) bool { return tt.name == name }) {
			t.Errorf("target %s isn't tested", name)
		}
	}
	for _, name := range []string{"num_new", "task_vma_next", ""} { // the first two are of loops inside of programs
		if target, err := LookupTarget(name); err == nil {
			t.Errorf("LookupTarget(%q) = %v", name, target)
		}
	}
}

// TestSleepable makes sure that each target takes sleepable programs as it says.
func TestSleepable(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedKernel(t, "5.18", "sleepable iterators")
	for _, tt := range targetTests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.netns {
				testutil.Netns(t)
			}
			target := mustTarget(t, tt.name)
			spec := Spec(tt.name, quiet())
			spec.Flags = unix.BPF_F_SLEEPABLE
			p, err := LoadSpec(spec)
			skipIfRefused(t, err)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			opts, _ := tt.setup(t)
			it, err := Open(p, opts)
			if err == nil {
				defer it.Close()
			}
			switch {
			case target.Sleepable && err != nil:
				t.Error(err)
			case !target.Sleepable && (err == nil || !strings.Contains(err.Error(), "takes no sleepable programs; those that do are cgroup, dmabuf, ")):
				t.Errorf("Open() = %v, want a refusal of sleepable programs", err)
			}
		})
	}
}

// rows returns the records of a session: n numbers each.
func rows(tb testing.TB, it *Iterator, n int) (rows [][]uint64) {
	tb.Helper()
	for b, err := range Bytes(it, 8*n) {
		if err != nil {
			tb.Fatal(err)
		}
		row := make([]uint64, n)
		for i := range row {
			row[i] = binary.NativeEndian.Uint64(b[8*i:])
		}
		rows = append(rows, row)
	}
	return rows
}

// hasRow returns a check for a record.
func hasRow(want ...uint64) func([][]uint64) error {
	return func(rows [][]uint64) error {
		if !slices.ContainsFunc(rows, func(row []uint64) bool { return slices.Equal(row, want) }) {
			return fmt.Errorf("%d is not in %d records: %v", want, len(rows), rows[:min(len(rows), 50)])
		}
		return nil
	}
}

func mustMap(tb testing.TB, spec *ebpf.MapSpec) *ebpf.Map {
	tb.Helper()
	m, err := ebpf.NewMap(spec)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.Close() })
	return m
}

func mustPut(tb testing.TB, m *ebpf.Map, key, value any) {
	tb.Helper()
	if err := m.Put(key, value); err != nil {
		tb.Fatal(err)
	}
}

func mapID(tb testing.TB, m *ebpf.Map) uint64 {
	tb.Helper()
	info, err := m.Info()
	if err != nil {
		tb.Fatal(err)
	}
	id, ok := info.ID()
	if !ok {
		tb.Fatal("the map has no id")
	}
	return uint64(id)
}

func inode(tb testing.TB, path string) uint64 {
	tb.Helper()
	info, err := os.Stat(path)
	if err != nil {
		tb.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

func listenTCP(tb testing.TB) *net.TCPListener {
	tb.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false) // sockmaps don't take such sockets
	l, err := config.Listen(tb.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

// socketOf returns the descriptor of a socket, which is closed with it.
func socketOf(tb testing.TB, l *net.TCPListener) (fd int) {
	tb.Helper()
	c, err := l.SyscallConn()
	if err == nil {
		err = c.Control(func(n uintptr) { fd = int(n) })
	}
	if err != nil {
		tb.Fatal(err)
	}
	return fd
}

func port(a net.Addr) uint64 {
	_, s, _ := net.SplitHostPort(a.String())
	n, _ := strconv.Atoi(s)
	return uint64(n)
}

func mustStruct(tb testing.TB, name string) (*btf.Struct, error) {
	tb.Helper()
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, err
	}
	var s *btf.Struct
	return s, spec.TypeByName(name, &s)
}
