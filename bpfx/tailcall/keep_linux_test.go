package tailcall_test

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/tailcall"
	"github.com/bpfx/go/internal/testutil"
)

// hook is a place to attach to that every kernel has, and that has a link.
var hook = bpfx.RawTracepoint{Name: "sys_enter"}

// counting returns a raw tracepoint chain whose last program counts.
func counting(m *ebpf.Map) *tailcall.Spec {
	rawtp := func(name string, insns asm.Instructions) *ebpf.ProgramSpec {
		return &ebpf.ProgramSpec{Name: name, Type: ebpf.RawTracepoint, License: "GPL", Instructions: insns}
	}
	count := asm.Instructions{
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, m.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "none"),
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 0),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("none"),
		asm.Return(),
	}
	return &tailcall.Spec{
		Map: "jump", Entry: rawtp("entry", xdp("", 0, call("jump", to(0))).Instructions),
		Slots: slots(rawtp("count", count)),
	}
}

func mustCounter(tb testing.TB) (m *ebpf.Map, count func() uint64) {
	tb.Helper()
	testutil.NeedRoot(tb)
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "runs", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.Close() })
	return m, func() uint64 {
		tb.Helper()
		var n uint64
		if err := m.Lookup(uint32(0), &n); err != nil {
			tb.Fatal(err)
		}
		return n
	}
}

// mustCount fails tb unless the chain of counting runs. A run or two may be left
// out: newer kernels don't run an entry on a CPU on which it was preempted.
func mustCount(tb testing.TB, count func() uint64) {
	tb.Helper()
	before := count()
	testutil.Eventually(tb, "the chain to count system calls", func() bool {
		_, err := os.Stat("/")
		if err != nil {
			tb.Fatal(err)
		}
		return count() > before
	})
}

// collect has the garbage collector run until finalizers had their turn.
func collect() {
	for range 5 {
		runtime.GC()
		time.Sleep(20 * time.Millisecond)
	}
}

// attachAndForget attaches a chain and keeps nothing of it but the attachment.
func attachAndForget(t *testing.T, m *ebpf.Map) *bpfx.Attachment {
	t.Helper()
	c, err := tailcall.Load(counting(m))
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Entry().Attach(hook)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestHeldByAttachment drops a chain whose entry is attached: the array must
// keep its slots.
func TestHeldByAttachment(t *testing.T) {
	m, count := mustCounter(t)
	a := attachAndForget(t, m)
	collect()
	mustCount(t, count)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	collect() // closes the rest
}

// TestHeldAfterNew closes a chain of New whose entry is attached.
func TestHeldAfterNew(t *testing.T) {
	array, entry := mustArray(t, 1)
	c := must(t, array, entry, map[uint32]*bpfx.Program{0: mustProgram(t, xdp("first", 1))})
	array.Close()
	attached := bpfx.HookFunc("nowhere", func(*ebpf.Program) (*bpfx.Attachment, error) {
		return bpfx.AttachmentFunc(func() error { return nil }), nil
	})
	a, err := entry.Attach(attached)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	wantReturn(t, entry, 1)
}

// TestEmptied shows that the kernel empties an array whose last descriptor is
// closed, which is what the chain prevents.
func TestEmptied(t *testing.T) {
	array, entry := mustArray(t, 1)
	first := mustProgram(t, xdp("first", 1))
	if err := array.Put(uint32(0), first.Program); err != nil {
		t.Fatal(err)
	}
	wantReturn(t, entry, 1)
	array.Close()
	testutil.Eventually(t, "the array to be emptied", func() bool {
		res, err := entry.Run(bpfx.RunInput{Data: frame(0)})
		if err != nil {
			t.Fatal(err)
		}
		return res.Return == 0
	})
}

func TestVerify(t *testing.T) {
	s := row(2)
	s.MaxEntries = 4
	c := mustLoad(t, s)
	other := mustProgram(t, xdp("other", 7))
	m := c.Map("jump")
	for _, err := range []error{m.Delete(uint32(0)), m.Put(uint32(1), other.Program), m.Put(uint32(3), other.Program)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	err := c.Verify()
	if err == nil {
		t.Fatal("Verify() = nil")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, want := range []string{
		`array "jump", slot 0, program "stageaa": it is empty`,
		`array "jump", slot 1, program "stageab": it holds program `,
		`array "jump", slot 3: it holds program `,
	} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Errorf("Verify() = %v\nwant line %d to begin with %s", err, i, want)
		}
	}
	if len(lines) != 3 || !strings.Contains(lines[1], "(other)") || !errors.Is(err, ebpf.ErrKeyNotExist) {
		t.Errorf("Verify() = %v, want three lines that name the program", err)
	}
}

// created makes a directory and tells what is made in it, in order.
func created(tb testing.TB, dir string) func() []string {
	tb.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		tb.Fatal(err)
	}
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { unix.Close(fd) })
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE); err != nil {
		tb.Fatal(err)
	}
	return func() (names []string) {
		tb.Helper()
		buf := make([]byte, 4096)
		n, err := unix.Read(fd, buf)
		if err != nil {
			tb.Fatal(err)
		}
		for buf = buf[:n]; len(buf) > unix.SizeofInotifyEvent; { // struct inotify_event, then the name
			size := binary.NativeEndian.Uint32(buf[12:])
			name, _, _ := strings.Cut(string(buf[unix.SizeofInotifyEvent:][:size]), "\x00")
			names = append(names, name)
			buf = buf[unix.SizeofInotifyEvent+size:]
		}
		return names
	}
}
