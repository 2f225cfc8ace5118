package bpfx_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testprogs"
	"github.com/bpfx/go/internal/testutil"
)

// mustExplain checks what err prints and what Explain makes of it.
func mustExplain(t *testing.T, err error, cause string) *bpfx.Diagnosis {
	t.Helper()
	d := bpfx.Explain(err)
	if d == nil || !strings.Contains(d.Cause, cause) || !strings.Contains(err.Error(), d.Cause) {
		t.Fatalf("Explain(%v) = %+v, want cause %q in both", err, d, cause)
	}
	if d.Summary == "" || strings.Contains(d.Summary, d.Cause) || strings.Count(d.String(), "\n") > 4 {
		t.Errorf("diagnosis:\n%v", d)
	}
	t.Logf("%v\n%v", err, d)
	return d
}

// attachKprobe attaches a program that does nothing.
func attachKprobe(t *testing.T, h hook) error {
	t.Helper()
	a, err := mustLoad(t, h.Spec(ret(0))).Attach(h)
	if err == nil {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	return err
}

func TestExplainSymbol(t *testing.T) {
	testutil.NeedRoot(t)
	for _, h := range []hook{bpfx.Kprobe{Symbol: "inet_dgram_conect"}, bpfx.Kretprobe{Symbol: "inet_dgram_conect"}, bpfx.Kretprobe{Symbol: "inet_dgram_conect", MaxActive: 4}} {
		t.Run(h.String(), func(t *testing.T) {
			err := attachKprobe(t, h)
			if errors.Is(err, ebpf.ErrNotSupported) {
				mustExplain(t, err, "CONFIG_KPROBES")
				testutil.SkipIfNotSupported(t, err, "kprobe", "4.1", kprobes...)
			}
			d := mustExplain(t, err, "no function of that name (nearest: inet_dgram_connect)")
			if !strings.Contains(d.Remedy, "inet_dgram_connect") || len(d.Evidence) == 0 {
				t.Errorf("diagnosis:\n%v", d)
			}
		})
	}
}

// TestExplainProbed probes what exists, but can't be probed.
func TestExplainProbed(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.SkipIfNotSupported(t, attachKprobe(t, bpfx.Kprobe{Symbol: "inet_dgram_connect"}), "kprobe", "4.1", kprobes...)
	t.Run("several", func(t *testing.T) {
		err := attachKprobe(t, bpfx.Kprobe{Symbol: severalOfName(t)})
		if err == nil {
			testutil.NeedKernel(t, "6.7", "ambiguous symbols") // before, the first is taken; some older ones have it
			t.Fatal("it was attached")
		}
		if !errors.Is(err, unix.EADDRNOTAVAIL) {
			t.Errorf("error = %v, want EADDRNOTAVAIL", err)
		}
		mustExplain(t, err, "functions have that name")
	})
	t.Run("blacklisted", func(t *testing.T) {
		list := readLines(t, "/sys/kernel/debug/kprobes/blacklist")
		f := strings.Fields(list[len(list)/2])
		mustExplain(t, attachKprobe(t, bpfx.Kprobe{Symbol: f[1]}), "the kernel lets nobody probe that function")
	})
	t.Run("not traced", func(t *testing.T) {
		mustExplain(t, attachKprobe(t, bpfx.Kprobe{Symbol: "trace_clock_local"}), "the kernel doesn't trace that function")
	})
	t.Run("inside an instruction", func(t *testing.T) {
		// Where system calls have a prefix, cilium/ebpf tries that next and
		// loses the errno of the first try. What is left is ENOENT, of a
		// function that exists.
		err := attachKprobe(t, bpfx.Kprobe{Symbol: "inet_dgram_connect", Offset: 2})
		if err == nil {
			t.Fatal("it was attached")
		}
		if d := bpfx.Explain(err); d != nil && d.Cause != "no instruction of the function starts at that offset" {
			t.Errorf("Explain(%v) = %v", err, d)
		}
	})
}

// severalOfName returns a name that several functions have.
func severalOfName(t *testing.T) string {
	t.Helper()
	seen := map[string]int{}
	for _, line := range readLines(t, "/proc/kallsyms") {
		if f := strings.Fields(line); len(f) == 3 && f[1] == "t" && !strings.ContainsAny(f[2], ".$") {
			if seen[f[2]]++; seen[f[2]] == 2 && !strings.HasPrefix(f[2], "_") {
				return f[2]
			}
		}
	}
	t.Fatal("all names are unique")
	return ""
}

func readLines(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

func TestExplainNames(t *testing.T) {
	testutil.Netns(t)
	for _, tt := range []struct {
		hook hook
		want string
	}{
		{bpfx.Tracepoint{Group: "sched", Name: "sched_process_forc"}, "no such tracepoint (nearest: sched/sched_process_fork)"},
		{bpfx.RawTracepoint{Name: "sched_process_forc"}, "no such tracepoint (nearest: sched_process_fork)"},
		{bpfx.RawTracepoint{Name: "sched/sched_process_fork"}, "its name goes without the group"},
		{bpfx.Uprobe{Path: "/proc/self/exe", Symbol: "no_such_function_anywhere"}, "the file has no"},
		{bpfx.Uprobe{Path: executable(t), Address: 4096, PID: 1 << 22}, "no process 4194304"},
	} {
		t.Run(tt.hook.String(), func(t *testing.T) { mustExplain(t, attachKprobe(t, tt.hook), tt.want) })
	}
	t.Run("fentry", func(t *testing.T) {
		_, err := bpfx.Load(bpfx.Fentry{Func: "inet_dgram_conect"}.Spec(ret(0)), nil)
		if !errors.Is(err, ebpf.ErrNotSupported) {
			t.Errorf("error = %v, want ErrNotSupported", err)
		}
		mustExplain(t, err, "fentry inet_dgram_conect: no function of that name (nearest: inet_dgram_connect)")
	})
	t.Run("pin", func(t *testing.T) {
		err := mustLoad(t, xdpSpec(2)).Pin(filepath.Join(t.TempDir(), "pin"))
		if !errors.Is(err, bpfx.ErrNotBPFFS) {
			t.Errorf("error = %v, want ErrNotBPFFS", err)
		}
		mustExplain(t, err, "bpf")
	})
}

// TestExplainVerifier explains rejections in the log format of this kernel.
func TestExplainVerifier(t *testing.T) {
	testutil.NeedRoot(t)
	for _, tt := range []struct {
		name  string
		insns asm.Instructions
		cause string
		seen  string
	}{
		{"register", asm.Instructions{asm.Return()}, "the verifier rejects it: R0 !read_ok (at 0: exit)", "instruction 0: exit"},
		{"packet", append(asm.Instructions{asm.LoadMem(asm.R2, asm.R1, 0, asm.Word), asm.LoadMem(asm.R0, asm.R2, 0, asm.Byte)}, asm.Return()),
			"invalid access to packet, off=0 size=1", "instruction 1: r0 = *(u8 *)(r2 +0)"},
		{"unreachable", append(ret(0), ret(0)...), "the verifier rejects it: unreachable insn 2", ""},
		{"loop", asm.Instructions{asm.Mov.Imm(asm.R0, 0).WithSymbol("a"), asm.Ja.Label("a")}, "infinite loop detected at insn 0", "instruction 1: goto pc-2"},
		{"no relocation", asm.Instructions{asm.BuiltinFunc(btf.COREBadRelocationSentinel).Call(), asm.Return()},
			"a CO-RE relocation found no match in the kernel's types (at 0: call unknown#195896080)", "invalid func unknown#195896080"},
		{"neither helper nor relocation", asm.Instructions{asm.BuiltinFunc(btf.COREBadRelocationSentinel + 1).Call(), asm.Return()},
			"the verifier rejects it: invalid func unknown#195896081", ""},
		{"helper", asm.Instructions{asm.FnProbeRead.Call(), asm.Return()}, "bpf_probe_read#4", "instruction 0: call bpf_probe_read#4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := bpfx.Load(bpfx.XDP{}.Spec(tt.insns), nil)
			var le *bpfx.LoadError
			if !errors.As(err, &le) || le.Type != ebpf.XDP || le.AttachType != ebpf.AttachXDP {
				t.Errorf("error = %#v, want a LoadError of XDP", err)
			}
			if errors.Is(err, ebpf.ErrNotSupported) {
				t.Errorf("%v is ErrNotSupported", err)
			}
			d := mustExplain(t, err, tt.cause)
			if !strings.Contains(strings.Join(d.Evidence, "\n"), tt.seen) {
				t.Errorf("diagnosis:\n%v", d)
			}
		})
	}
}

// TestExplainSource breaks a program that was compiled from C.
func TestExplainSource(t *testing.T) {
	testutil.NeedRoot(t)
	spec, err := testprogs.LoadTestprogs()
	if err != nil {
		t.Fatal(err)
	}
	count := spec.Programs["count"]
	for i, ins := range count.Instructions {
		if ins.OpCode == asm.Return().OpCode {
			count.Instructions[i] = asm.Mov.Reg(asm.R0, asm.R9).WithMetadata(ins.Metadata)
			count.Instructions = append(count.Instructions, asm.Return())
		}
	}
	_, err = bpfx.LoadCollection(spec, nil)
	var le *bpfx.LoadError
	if !errors.As(err, &le) || le.Program != "count" || le.Type != ebpf.XDP || !le.Collection {
		t.Errorf("error = %+v, want a LoadError of count", le)
	}
	d := mustExplain(t, err, "the verifier rejects it: R9 !read_ok")
	if seen := strings.Join(d.Evidence, "\n"); !strings.Contains(seen, "source: return ") {
		t.Errorf("evidence = %s", seen)
	}
}

// TestExplainHelper calls the newest helper, which old kernels don't have.
func TestExplainHelper(t *testing.T) {
	testutil.NeedRoot(t)
	p, err := bpfx.Load(bpfx.XDP{}.Spec(asm.Instructions{asm.FnUserRingbufDrain.Call(), asm.Return()}), nil)
	if err == nil {
		p.Close()
		t.Fatal("it was loaded")
	}
	if testutil.KernelAtLeast(t, "6.1") {
		if errors.Is(err, ebpf.ErrNotSupported) {
			t.Errorf("%v is ErrNotSupported", err)
		}
		mustExplain(t, err, "the verifier rejects it")
		return
	}
	if !errors.Is(err, ebpf.ErrNotSupported) || !errors.Is(err, unix.EINVAL) {
		t.Errorf("error = %v, want ErrNotSupported and EINVAL", err)
	}
	mustExplain(t, err, "this kernel has no helper bpf_user_ringbuf_drain")
}

// TestExplainUnknown loads programs that old kernels don't know.
func TestExplainUnknown(t *testing.T) {
	testutil.NeedRoot(t)
	for _, tt := range []struct {
		name   string
		spec   *ebpf.ProgramSpec
		since  string // "" for never
		cause  string
		config []string
	}{
		{"type", &ebpf.ProgramSpec{Type: ebpf.Netfilter, AttachType: ebpf.AttachNetfilter}, "6.4", "this kernel has no Netfilter programs, which came with Linux 6.4", []string{"CONFIG_NETFILTER_BPF_LINK"}},
		{"attach type", &ebpf.ProgramSpec{Type: ebpf.CGroupSockAddr, AttachType: ebpf.AttachCgroupUnixConnect}, "6.7", "this kernel has no CGroupSockAddr programs for CgroupUnixConnect, which came with Linux 6.7", nil},
		{"flags", &ebpf.ProgramSpec{Type: ebpf.XDP, AttachType: ebpf.AttachXDP, Flags: unix.BPF_F_XDP_HAS_FRAGS}, "5.18", "this kernel has no XDP programs with flags 0x20, which came with Linux 5.18", nil},
		{"nonsense", &ebpf.ProgramSpec{Type: ebpf.CGroupSockAddr, AttachType: ebpf.AttachXDP}, "", "this kernel has no CGroupSockAddr programs for XDP", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.spec.License, tt.spec.Instructions = "GPL", ret(1)
			p, err := bpfx.Load(tt.spec, nil)
			if err == nil {
				p.Close()
			}
			_, collErr := bpfx.LoadCollection(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"it": tt.spec}}, nil)
			if tt.since != "" && testutil.KernelAtLeast(t, tt.since) {
				testutil.SkipIfNotSupported(t, err, tt.name, tt.since, tt.config...)
				if err != nil || collErr != nil {
					t.Errorf("Load() = %v, of a collection %v", err, collErr)
				}
				// What it refuses now has another cause.
				_, err = bpfx.Load(tt.spec, &ebpf.ProgramOptions{LogDisabled: true})
				if bad := *tt.spec; err == nil {
					bad.Instructions = asm.Instructions{asm.Ja.Imm(0, 7, ""), asm.Return()}
					_, err = bpfx.Load(&bad, &ebpf.ProgramOptions{LogDisabled: true})
				}
				if err == nil || errors.Is(err, ebpf.ErrNotSupported) || bpfx.Explain(err) != nil {
					t.Errorf("bad code: %v, ErrNotSupported: %v", err, errors.Is(err, ebpf.ErrNotSupported))
				}
				return
			}
			for _, err := range []error{err, collErr} {
				if !errors.Is(err, ebpf.ErrNotSupported) || !errors.Is(err, unix.EINVAL) {
					t.Errorf("error = %v, want ErrNotSupported and EINVAL", err)
				}
				mustExplain(t, err, tt.cause)
			}
		})
	}
}

// TestExplainNothing explains errors whose cause can't be found: a program that
// another hook refuses, arguments that are wrong.
func TestExplainNothing(t *testing.T) {
	testutil.Netns(t)
	p := mustLoad(t, xdpSpec(2))
	for _, h := range []bpfx.Hook{
		bpfx.XDP{Interface: "nonexistent"},
		bpfx.Kprobe{},
		bpfx.HookFunc("elsewhere", func(*ebpf.Program) (*bpfx.Attachment, error) { return nil, unix.EPERM }),
	} {
		_, err := p.Attach(h)
		if d := bpfx.Explain(err); err == nil || d != nil {
			t.Errorf("Explain(%v) = %v, want nil", err, d)
		}
	}
	// Without privileges, but with a cause of its own.
	err := withCapabilities(t, nil, func() error {
		_, err := p.Attach(bpfx.HookFunc("elsewhere", func(*ebpf.Program) (*bpfx.Attachment, error) { return nil, unix.EPERM }))
		return err
	})
	if d := bpfx.Explain(err); d != nil {
		t.Errorf("Explain(%v) = %v, want nil", err, d)
	}
}
