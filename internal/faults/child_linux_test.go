//go:build amd64 || arm64

package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// childEnv marks the process that runs operations, and has its [place].
const childEnv = "BPFX_FAULTS_CHILD"

// place is what the parent has prepared for operations.
type place struct {
	BPFFS  string // a bpf filesystem of its own
	Cgroup string // a cgroup of its own
	Object string // an object file
	Probe  struct {
		Path, Symbol string
		Address      uint64
	}
	Loop string // an operation to run until killed
}

// request asks the child to run an operation, or, without one, to collect
// garbage: cilium/ebpf gives memory of maps back in finalizers.
type request struct{ Op string }

// reply is how it went.
type reply struct {
	Listener     int // of the seccomp filter; in the first reply only
	Err          string
	Is           []unix.Errno // those of errnos that the error is
	NotSupported bool
	Panic        bool
	Keeps        bool // a pin that was made on purpose is there still
}

// errnos are the errors that are injected.
var errnos = []unix.Errno{unix.ENOMEM, unix.EPERM, unix.EINTR, unix.EMFILE}

// childMain runs operations as the parent asks. It never returns.
func childMain(text string) {
	// What leaks must not be closed by the garbage collector before the parent
	// has looked.
	debug.SetGCPercent(-1)
	if err := child(text); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(text string) error {
	var p place
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return err
	}
	e, err := newEnv(p)
	if err != nil {
		return err
	}
	if p.Loop != "" {
		return e.loop()
	}
	listener, err := install()
	if err != nil {
		return err
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	if err := out.Encode(reply{Listener: listener}); err != nil {
		return err
	}
	for first := true; ; first = false {
		var q request
		if err := in.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if first { // the parent has it now; if it dies, calls must not wait for it
			unix.Close(listener)
		}
		if err := out.Encode(e.serve(q)); err != nil {
			return err
		}
	}
}

func (e *env) serve(q request) (r reply) {
	if q.Op == "" {
		collect()
		return r
	}
	var stats runtime.MemStats
	if runtime.ReadMemStats(&stats); stats.HeapAlloc > 96<<20 {
		collect()
	}
	o := findOp(q.Op)
	if o == nil {
		return reply{Err: fmt.Sprintf("no operation %q", q.Op), Panic: true}
	}
	defer func() {
		if p := recover(); p != nil {
			r = reply{Err: fmt.Sprintf("panic: %v\n%s", p, debug.Stack()), Panic: true}
		}
	}()
	e.keeps = false
	err := o.run(e)
	r.Keeps = e.keeps
	if err == nil {
		return r
	}
	r.Err = err.Error()
	r.NotSupported = errors.Is(err, ebpf.ErrNotSupported)
	for _, errno := range errnos {
		if errors.Is(err, errno) {
			r.Is = append(r.Is, errno)
		}
	}
	return r
}

// collect collects garbage until finalizers had their turn.
func collect() {
	for range 3 {
		runtime.GC()
	}
}

// loop runs an operation until the process is killed, and says when it starts.
func (e *env) loop() error {
	debug.SetGCPercent(100)
	resting = time.Duration(slowness()) * 5 * time.Millisecond
	o := findOp(e.Loop)
	for first := true; ; first = false {
		err := o.run(e)
		if err != nil && (errors.Is(err, ebpf.ErrNotSupported) || o.refusable && refused(err.Error())) {
			fmt.Println(lacking)
			os.Exit(0)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		if first {
			fmt.Println("ready")
		}
	}
}

// lacking is what the child says if the kernel lacks what the operation needs.
const lacking = "lacking"

// path returns where an operation may pin something.
func (e *env) path(name string) string { return filepath.Join(e.BPFFS, name) }
