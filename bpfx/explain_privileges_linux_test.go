package bpfx_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// again runs the calling test anew, in a process of its own.
func again(t *testing.T, attr *syscall.SysProcAttr) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "BPFX_TEST_AGAIN=1", "BPFX_TEST_LOCK="+t.TempDir())
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("in a process of its own: %v\n%s", err, out)
		return
	}
	t.Logf("%s", out)
}

// withCapabilities calls fn on a thread that has only these.
func withCapabilities(t *testing.T, caps []int, fn func() error) error {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		for _, c := range caps {
			data[c/32].Effective |= 1 << (c % 32)
			data[c/32].Permitted |= 1 << (c % 32)
		}
		if err := unix.Capset(&hdr, &data[0]); err != nil {
			t.Error("set capabilities:", err)
		}
		done <- fn()
	}()
	return <-done
}

// TestExplainCapabilities loads every type of program with the capabilities
// that diagnoses name, one after the other: with those it must load, and not
// before. It runs in a process of its own, since cilium/ebpf remembers what the
// kernel can't do.
func TestExplainCapabilities(t *testing.T) {
	testutil.NeedRoot(t)
	if os.Getenv("BPFX_TEST_AGAIN") == "" {
		again(t, nil)
		return
	}
	for _, spec := range []*ebpf.ProgramSpec{
		{Type: ebpf.SocketFilter}, {Type: ebpf.Kprobe}, {Type: ebpf.SchedCLS}, {Type: ebpf.SchedACT}, {Type: ebpf.TracePoint},
		{Type: ebpf.XDP}, {Type: ebpf.PerfEvent}, {Type: ebpf.CGroupSKB}, {Type: ebpf.CGroupSock}, {Type: ebpf.LWTIn}, {Type: ebpf.LWTXmit},
		{Type: ebpf.SockOps}, {Type: ebpf.SkSKB}, {Type: ebpf.CGroupDevice}, {Type: ebpf.SkMsg}, {Type: ebpf.RawTracepoint},
		{Type: ebpf.CGroupSockAddr, AttachType: ebpf.AttachCGroupInet4Connect}, {Type: ebpf.LWTSeg6Local}, {Type: ebpf.SkReuseport},
		{Type: ebpf.FlowDissector}, {Type: ebpf.CGroupSysctl}, {Type: ebpf.RawTracepointWritable},
		{Type: ebpf.CGroupSockopt, AttachType: ebpf.AttachCGroupGetsockopt}, {Type: ebpf.SkLookup, AttachType: ebpf.AttachSkLookup},
		{Type: ebpf.Netfilter, AttachType: ebpf.AttachNetfilter}, {Type: ebpf.Syscall, Flags: unix.BPF_F_SLEEPABLE},
		{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: "bpf_map"},
		{Type: ebpf.LircMode2},
	} {
		t.Run(fmt.Sprint(spec.Type), func(t *testing.T) {
			spec.License, spec.Instructions = "GPL", ret(1)
			load := func() error {
				p, err := bpfx.Load(spec, nil)
				if err == nil {
					p.Close()
				}
				return err
			}
			if err := load(); errors.Is(err, ebpf.ErrNotSupported) {
				t.Log(err)
				return // a type that this kernel doesn't have
			} else if err != nil {
				t.Fatal(err)
			}
			if withCapabilities(t, nil, load) == nil {
				t.Error("it loads without any")
			}
			mustNameCapabilities(t, load)
		})
	}
}

// TestExplainUserns loads a program with all capabilities of a user namespace.
func TestExplainUserns(t *testing.T) {
	if os.Getenv("BPFX_TEST_AGAIN") == "" {
		testutil.NeedRoot(t)
		const nobody = 65534
		again(t, &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: 0, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: 0, Size: 1}},
			Credential:  &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: true},
			AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_BPF, unix.CAP_NET_ADMIN, unix.CAP_PERFMON},
		})
		return
	}
	_, err := bpfx.Load(xdpSpec(1), nil)
	if !errors.Is(err, unix.EPERM) {
		t.Errorf("error = %v, want EPERM", err)
	}
	mustExplain(t, err, "this process has its capabilities in a user namespace only")
}

// TestExplainMemlock loads a program as somebody who may, but has no memory to
// lock and can't help it. That matters to old kernels only.
func TestExplainMemlock(t *testing.T) {
	if os.Getenv("BPFX_TEST_AGAIN") == "" {
		testutil.NeedRoot(t)
		const nobody = 65534
		again(t, &syscall.SysProcAttr{
			Credential:  &syscall.Credential{Uid: nobody, Gid: nobody},
			AmbientCaps: []uintptr{unix.CAP_BPF, unix.CAP_NET_ADMIN, unix.CAP_PERFMON},
		})
		return
	}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{}); err != nil {
		t.Fatal(err)
	}
	p, err := bpfx.Load(xdpSpec(2), nil)
	if testutil.KernelAtLeast(t, "5.11") {
		if err != nil {
			t.Fatal(err)
		}
		p.Close()
		return
	}
	mustExplain(t, err, "RLIMIT_MEMLOCK is 0 bytes")
}

// TestExplainMounts does without tracefs and the kernel's BTF, in a process and
// a mount namespace of its own.
func TestExplainMounts(t *testing.T) {
	testutil.NeedRoot(t)
	if os.Getenv("BPFX_TEST_AGAIN") == "" {
		again(t, &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS})
		return
	}
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing", "/sys/kernel/debug", "/sys/fs/bpf"} {
		for unix.Unmount(dir, unix.MNT_DETACH) == nil {
		}
	}
	if err := unix.Mount("none", "/sys/kernel/btf", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	mustExplain(t, attachKprobe(t, bpfx.Tracepoint{Group: "sched", Name: "sched_process_fork"}), "tracefs is not mounted")
	_, err := bpfx.Load(bpfx.Fentry{Func: "inet_dgram_connect"}.Spec(ret(0)), nil)
	mustExplain(t, err, "this kernel has no BTF")
	mustExplain(t, mustLoad(t, xdpSpec(2)).Pin("/sys/fs/bpf/pin"), "no bpf filesystem is mounted")
}

// TestExplainLockdown attaches a kprobe, which works unless the kernel is
// locked down: then the diagnosis must say so.
func TestExplainLockdown(t *testing.T) {
	testutil.NeedRoot(t)
	level, _ := os.ReadFile("/sys/kernel/security/lockdown")
	err := attachKprobe(t, bpfx.Kprobe{Symbol: "inet_dgram_connect"})
	if !strings.Contains(string(level), "[confidentiality]") {
		testutil.SkipIfNotSupported(t, err, "kprobe", "4.1", kprobes...)
		if err != nil {
			t.Errorf("Attach() = %v on a kernel that isn't locked down", err)
		}
		return
	}
	mustExplain(t, err, "this kernel is locked down (confidentiality), which forbids")
	mustExplain(t, attachKprobe(t, bpfx.Tracepoint{Group: "sched", Name: "sched_process_fork"}), "locked down (confidentiality), which forbids tracefs")
	read := asm.Instructions{
		asm.Mov.Reg(asm.R1, asm.R10), asm.Add.Imm(asm.R1, -8), asm.Mov.Imm(asm.R2, 8), asm.Mov.Imm(asm.R3, 0),
		asm.FnProbeReadKernel.Call(), asm.Return(),
	}
	_, err = bpfx.Load(bpfx.Kprobe{}.Spec(read), nil)
	mustExplain(t, err, "locked down (confidentiality), which forbids bpf_probe_read")
}
