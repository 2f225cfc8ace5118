package iter

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// bulky returns a program that writes so much for each task that no read
// returns all.
func bulky(tb testing.TB) asm.Instructions {
	tb.Helper()
	return write(tb, "task", slices.Repeat([]source{from("task", "task_struct", "pid")}, bulk)...)
}

const bulk = 60 // times 8 bytes

func TestSessionsOutliveClose(t *testing.T) {
	startThreads(t, 2*chunk/(8*bulk))
	p := mustLoad(t, "task", bulky(t))
	it := mustOpen(t, p, nil)
	want, err := it.ReadAll()
	if err != nil || len(want) < 2*chunk {
		t.Fatalf("ReadAll() = %d bytes, %v, want more than two reads return", len(want), err)
	}
	r, err := it.Reader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	first := make([]byte, 8*bulk)
	if _, err := io.ReadFull(r, first); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil { // which closes the iterator
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil || len(rest)+len(first) < 2*chunk {
		t.Errorf("a session has %d bytes after Close, %v", len(rest), err)
	}
}

// TestClosed uses an iterator that is closed, or never was one.
func TestClosed(t *testing.T) {
	p := mustLoad(t, "task", pids(t, "task"))
	closed := mustOpen(t, p, nil)
	if !p.Attached() || p.Attachments()[0] != closed.Attachment() {
		t.Errorf("Attachments() = %v, want the iterator", p.Attachments())
	}
	for range 2 {
		if err := closed.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if p.Attached() {
		t.Error("the program is attached after Close")
	}
	withProgram := mustOpen(t, p, nil)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(p, nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Open() of a closed program = %v", err)
	}
	other := mustLoad(t, "task", quiet())
	path := testutil.BPFFS(t) + "/it"
	for name, it := range map[string]*Iterator{"closed": closed, "program closed": withProgram, "nil": nil} {
		_, readerErr := it.Reader()
		_, allErr := it.ReadAll()
		_, infoErr := it.Info()
		_, ctxErr := it.WithContext(t.Context()).ReadAll()
		for what, err := range map[string]error{
			"Reader": readerErr, "ReadAll": allErr, "Info": infoErr, "WithContext": ctxErr,
			"Update": it.Update(other), "Pin": it.Pin(path), "Unpin": it.Unpin(),
			"Records": last(Records[pid](it)), "Bytes": last(Bytes(it, 16)), "Lines": last(it.Lines()),
		} {
			if it == nil && (err == nil || !strings.Contains(err.Error(), "nil iterator")) || it != nil && !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s: %s = %v", name, what, err)
			}
		}
		if it.String() == "" {
			t.Errorf("%s: no String", name)
		}
		if err := it.Close(); err != nil {
			t.Errorf("%s: Close() = %v", name, err)
		}
	}
}

// last returns the error of a sequence, which must come last, once and without a
// value.
func last[T any](seq func(func(T, error) bool)) (last error) {
	for v, err := range seq {
		if last != nil {
			return errors.Join(errors.New("something comes after an error"), err)
		}
		var zero T
		if err != nil && !reflect.DeepEqual(v, zero) {
			return errors.Join(errors.New("a value comes with an error"), err)
		}
		last = err
	}
	return last
}

func TestPin(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	dir := testutil.BPFFS(t)
	p := mustLoad(t, "task", pids(t, "task"))
	it := mustOpen(t, p, nil)
	path := dir + "/tasks"
	if err := it.Pin(path); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	own := pid{uint64(os.Getpid()), uint64(os.Getpid())}
	pinned, err := LoadPinned(path)
	if err != nil {
		t.Fatal(err)
	}
	defer pinned.Close()
	for range 2 { // a session each
		if got := collect[pid](t, pinned); !slices.Contains(got, own) {
			t.Errorf("records = %v, want %v", got, own)
		}
		if data, err := os.ReadFile(path); err != nil || len(data) == 0 || len(data)%16 != 0 {
			t.Errorf("the file has %d bytes, %v", len(data), err)
		}
	}
	if info, err := pinned.Info(); err != nil || info.Target != "task" && testutil.KernelAtLeast(t, "5.10") {
		t.Errorf("Info() = %+v, %v", info, err)
	}
	other := mustLoad(t, "task", write(t, "task", from("task", "task_struct", "pid")))
	if err := pinned.Update(other); err != nil {
		t.Fatal(err)
	}
	if got := collect[uint64](t, pinned); !slices.Contains(got, own.TID) {
		t.Errorf("records after an update = %v, want %d", got, own.TID)
	}
	if err := pinned.Unpin(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Stat() after Unpin = %v", err)
	}
	if got := collect[uint64](t, pinned); len(got) == 0 {
		t.Error("no records after Unpin")
	}
}

func TestPinRefused(t *testing.T) {
	dir := testutil.BPFFS(t)
	p := mustLoad(t, "task", quiet())
	it := mustOpen(t, p, nil)
	if err := it.Pin(t.TempDir() + "/it"); !errors.Is(err, bpfx.ErrNotBPFFS) {
		t.Errorf("Pin() elsewhere = %v", err)
	}
	if _, err := LoadPinned(dir + "/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("LoadPinned() of nothing = %v", err)
	}
	if err := p.Pin(dir + "/program"); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadPinned(dir + "/program"); err == nil || !strings.Contains(err.Error(), "not a Link") {
		t.Errorf("LoadPinned() of a program = %v", err)
	}
	spec := &ebpf.ProgramSpec{Type: ebpf.RawTracepoint, Instructions: quiet(), License: "GPL"}
	err := bpfx.WithAttached(spec, bpfx.RawTracepoint{Name: "sched_process_fork"}, func(_ *bpfx.Program, a *bpfx.Attachment) error {
		if err := a.Pin(dir + "/link"); err != nil {
			return err
		}
		if _, err := LoadPinned(dir + "/link"); err == nil || !strings.Contains(err.Error(), "not an iterator") {
			t.Errorf("LoadPinned() of another link = %v", err)
		}
		return a.Unpin()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestConcurrent reads, asks and closes from many goroutines.
func TestConcurrent(t *testing.T) {
	p := mustLoad(t, "task", pids(t, "task"))
	for range 10 {
		it := mustOpen(t, p, nil)
		var wg sync.WaitGroup
		fine := func(err error) {
			if err != nil && !errors.Is(err, os.ErrClosed) {
				t.Error(err)
			}
		}
		for range 4 {
			wg.Go(func() {
				for range 20 {
					fine(last(Records[pid](it)))
					_, err := it.Info()
					fine(err)
					r, err := it.Reader()
					fine(err)
					if err == nil {
						wg.Go(func() { fine(r.Close()) }) // while it is read
						_, err := io.Copy(io.Discard, r)
						fine(err)
						fine(r.Close())
					}
				}
			})
		}
		wg.Go(func() { runtime.Gosched(); fine(it.Close()) })
		wg.Wait()
	}
}

// TestNoCollector drops an iterator: it stays, as attachments do.
func TestNoCollector(t *testing.T) {
	p := mustLoad(t, "task", quiet())
	info, err := mustOpen(t, p, nil).Info()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		runtime.GC()
	}
	l, err := link.NewFromID(info.ID)
	if err != nil {
		t.Fatal("the iterator was collected:", err)
	}
	l.Close()
}

func TestContext(t *testing.T) {
	startThreads(t, 2*chunk/(8*bulk))
	it := mustOpen(t, mustLoad(t, "task", bulky(t)), nil)
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	with := it.WithContext(ctx)
	n := 0
	var got error
	for _, err := range Records[[bulk]uint64](with) {
		if n++; n == 1 {
			cancel(why)
		}
		got = err
	}
	if !errors.Is(got, why) || n < 2 || n > chunk/(8*bulk)+1 {
		t.Errorf("%d records, then %v, want those of one read, then the cause", n, got)
	}
	for what, err := range map[string]error{
		"Records": last(Records[[bulk]uint64](with)), "Bytes": last(Bytes(with, 8*bulk)), "Lines": last(with.Lines()),
	} {
		if !errors.Is(err, why) {
			t.Errorf("%s = %v, want the cause", what, err)
		}
	}
	if _, err := with.ReadAll(); !errors.Is(err, why) {
		t.Errorf("ReadAll() = %v, want the cause", err)
	}
	if data, err := it.ReadAll(); err != nil || len(data) == 0 {
		t.Errorf("without the context: %d bytes, %v", len(data), err)
	}
}

func TestText(t *testing.T) {
	const text = "a line\n\nand 2\n"
	insns := asm.Instructions{
		asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord),  // meta
		asm.LoadMem(asm.R2, asm.R6, 16, asm.DWord), // seq_num
		asm.JNE.Imm(asm.R2, 0, "out"),
		asm.LoadMem(asm.R1, asm.R6, 0, asm.DWord), // seq
	}
	padded := append([]byte(text), make([]byte, 16-len(text))...)
	for i := 0; i < 16; i += 8 {
		insns = append(insns, asm.LoadImm(asm.R2, int64(nativeUint64(padded[i:])), asm.DWord), asm.StoreMem(asm.R10, int16(i-16), asm.R2, asm.DWord))
	}
	insns = append(insns,
		asm.Mov.Reg(asm.R2, asm.R10), asm.Add.Imm(asm.R2, -16), asm.Mov.Imm(asm.R3, int32(len(text))), asm.FnSeqWrite.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
	it := mustOpen(t, mustLoad(t, "bpf_map", insns), nil)
	data, err := it.ReadAll()
	if err != nil || string(data) != text {
		t.Errorf("ReadAll() = %q, %v, want %q", data, err, text)
	}
	var lines []string
	for line, err := range it.Lines() {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if want := []string{"a line", "", "and 2"}; !slices.Equal(lines, want) {
		t.Errorf("Lines() = %q, want %q", lines, want)
	}
	for range it.Lines() {
		break
	}
	r, err := it.Reader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out bytes.Buffer
	for b := make([]byte, 1); err == nil; {
		var n int
		n, err = r.Read(b)
		out.Write(b[:n])
	}
	if err != io.EOF || out.String() != text { //nolint:errorlint // as readers return it
		t.Errorf("a byte at a time: %q, %v", out.String(), err)
	}
}
