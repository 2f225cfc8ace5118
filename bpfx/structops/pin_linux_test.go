package structops

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bpfx/go/internal/testutil"
)

func TestPin(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			dir := testutil.BPFFS(t)
			path := filepath.Join(dir, "cc")
			s := minimal("bpfx_pin")
			s.NoLink = v.noLink
			o := mustLoad(t, s)
			if err := o.Pin(path); !errors.Is(err, ErrNotRegistered) {
				t.Errorf("Pin() before Register = %v, want ErrNotRegistered", err)
			}
			if err := o.Register(); err != nil {
				t.Fatal(err)
			}
			if err := o.Pin(filepath.Join(t.TempDir(), "x")); err == nil {
				t.Error("Pin() outside of bpffs works")
			}
			if err := o.Pin(path); err != nil {
				t.Fatal(err)
			}
			if err := o.Pin(path); err == nil {
				t.Error("Pin() twice works")
			}
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			if !available(t, s.Name) {
				t.Fatal("Close has unregistered what is pinned")
			}
			again, err := LoadPinned(path)
			if err != nil {
				t.Fatal(err)
			}
			if again.Name() != s.Name || again.Type().Name != s.Type || !again.Registered() {
				t.Errorf("LoadPinned() = %v, registered %v", again, again.Registered())
			}
			if err := again.Close(); err != nil || !available(t, s.Name) {
				t.Fatalf("Close() of what is pinned = %v, registered %v", err, available(t, s.Name))
			}
			if again, err = LoadPinned(path); err != nil {
				t.Fatal(err)
			}
			if err := again.Unregister(); err != nil {
				t.Error(err)
			}
			if available(t, s.Name) {
				t.Error("it is registered after Unregister")
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the pin is there after Unregister: %v", err)
			}
			if err := again.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUnpin(t *testing.T) {
	path := filepath.Join(testutil.BPFFS(t), "cc")
	o := mustRegister(t, minimal("bpfx_unpin"))
	if err := o.Unpin(); err != nil {
		t.Errorf("Unpin() of what isn't pinned = %v", err)
	}
	if err := o.Pin(path); err != nil {
		t.Fatal(err)
	}
	if err := o.Unpin(); err != nil {
		t.Fatal(err)
	}
	if !available(t, "bpfx_unpin") {
		t.Error("Unpin has unregistered it")
	}
	if err := o.Close(); err != nil || available(t, "bpfx_unpin") {
		t.Errorf("Close() after Unpin = %v, registered %v", err, available(t, "bpfx_unpin"))
	}
}

func TestLoadPinnedErrors(t *testing.T) {
	dir := testutil.BPFFS(t)
	if _, err := LoadPinned(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("LoadPinned() of nothing = %v, want os.ErrNotExist", err)
	}
	o := mustLoad(t, minimal("bpfx_wrong"))
	p := o.Programs["ssthresh"]
	if err := p.Pin(filepath.Join(dir, "prog")); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadPinned(filepath.Join(dir, "prog")); err == nil {
		t.Error("LoadPinned() of a program works")
	}
}

const leaveEnv = "BPFX_TEST_LEAVE"

// TestUnregisterByName unregisters what a process has left that was killed, and
// what another holds.
func TestUnregisterByName(t *testing.T) {
	testutil.NeedRoot(t)
	if os.Getenv(leaveEnv) != "" {
		s := minimal("bpfx_left")
		s.NoLink = true
		o, err := Load(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Register(); err != nil {
			t.Fatal(err)
		}
		p, _ := os.FindProcess(os.Getpid())
		_ = p.Kill() // no Close, no cleanup
		select {}
	}
	if err := UnregisterByName("bpfx_left"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("UnregisterByName() of nothing = %v, want os.ErrNotExist", err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestUnregisterByName$")
	// Without the lock: the parent has it.
	cmd.Env = append(os.Environ(), leaveEnv+"=1", "BPFX_TEST_LOCK="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the process ended with %v\n%s", err, out)
	}
	if !available(t, "bpfx_left") {
		t.Fatal("the killed process left nothing")
	}
	if err := UnregisterByName("bpfx_left"); err != nil {
		t.Fatal(err)
	}
	if available(t, "bpfx_left") {
		t.Error("it is registered after UnregisterByName")
	}
	s := minimal("bpfx_taken")
	s.NoLink = true
	o := mustRegister(t, s)
	if err := UnregisterByName("bpfx_taken"); err != nil {
		t.Error(err)
	}
	if err := o.Close(); err != nil {
		t.Errorf("Close() of what is unregistered already = %v", err)
	}
	if err := UnregisterByName(""); err == nil {
		t.Error("UnregisterByName of an empty name works")
	}
	if err := UnregisterByName("reno"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("UnregisterByName() of the kernel's own = %v, want os.ErrNotExist", err)
	}
}

// TestHolder asks who has a name, as root and as somebody who may not know.
func TestHolder(t *testing.T) {
	const env = "BPFX_TEST_HOLDER"
	if os.Getenv(env) == "" {
		testutil.NeedRoot(t)
	}
	typ, err := Lookup("tcp_congestion_ops")
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv(env) != "" {
		if got := holder(typ, "bpfx_holder"); !strings.HasPrefix(got, "somebody (") || !strings.Contains(got, "not permitted") {
			t.Errorf("holder() = %s, want that it can't be told", got)
		}
		return
	}
	o := mustRegister(t, minimal("bpfx_holder"))
	if got, want := holder(typ, "bpfx_holder"), fmt.Sprintf("struct_ops map %d (", o.ID()); !strings.HasPrefix(got, want) {
		t.Errorf("holder() = %s, want %s", got, want)
	}
	if got := holder(typ, "bpfx_nobody"); !strings.HasPrefix(got, "the kernel or") {
		t.Errorf("holder() = %s, want the kernel", got)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestHolder$", "-test.v")
	cmd.Env = append(os.Environ(), env+"=1")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestHolder") {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

// TestUnregisterByNameLink does the same for a link that is pinned.
func TestUnregisterByNameLink(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedKernel(t, "6.11", "detaching links of struct_ops")
	path := filepath.Join(testutil.BPFFS(t), "cc")
	o := mustRegister(t, minimal("bpfx_held"))
	if err := o.Pin(path); err != nil {
		t.Fatal(err)
	}
	if err := UnregisterByName("bpfx_held"); err != nil {
		t.Fatal(err)
	}
	if available(t, "bpfx_held") {
		t.Error("it is registered after UnregisterByName")
	}
	if _, err := LoadPinned(path); err == nil || !strings.Contains(err.Error(), "somebody has unregistered them") {
		t.Errorf("LoadPinned() of what is unregistered = %v", err)
	}
	// What was taken away can't be replaced, and can be given up.
	if err := o.Replace(mustLoad(t, minimal("bpfx_held"))); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("Replace() of what somebody else has unregistered = %v", err)
	}
	if err := o.Unregister(); err != nil {
		t.Error(err)
	}
}
