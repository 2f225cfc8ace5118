package bpfx

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
)

func TestDiagnosisString(t *testing.T) {
	for _, tt := range []struct {
		name string
		d    *Diagnosis
		want string
	}{
		{"nil", nil, "no cause found"},
		{"cause alone", &Diagnosis{Summary: "attach", Cause: "why"}, "attach\n  cause: why"},
		{"whole", &Diagnosis{"attach", "why", []string{"a"}, "do"}, "attach\n  cause: why\n  seen: a\n  remedy: do"},
		{"much seen", &Diagnosis{"attach", "why", []string{"a", "b", "c"}, "do"}, "attach\n  cause: why\n  seen: a\n  seen: b; c\n  remedy: do"},
	} {
		if diff := cmp.Diff(tt.want, tt.d.String()); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// TestExplain explains errors that are made up of the same parts as real ones.
func TestExplain(t *testing.T) {
	calls := 0
	look := func() *finding {
		calls++
		return &finding{why: "because", evidence: []string{"it was read"}, remedy: "mend it"}
	}
	none := func() *finding { return nil }
	base := fmt.Errorf("cilium/ebpf did this: %w", syscall.EINVAL)
	hook := HookFunc("nowhere", nil)
	rejected := &ebpf.VerifierError{Cause: syscall.EACCES, Log: []string{"0: (95) exit", "R0 !read_ok"}}
	for _, tt := range []struct {
		name  string
		err   error
		text  string // of err; "" if it doesn't matter
		sum   string // "" if there is no diagnosis
		cause string
	}{
		{"nil", nil, "", "", ""},
		{"without a cause", base, "", "", ""},
		{"none found", &AttachError{hook, later(base, none)}, "attach to nowhere: cilium/ebpf did this: invalid argument", "", ""},
		{"later", &AttachError{hook, later(base, look)}, "attach to nowhere: because: invalid argument", "attach to nowhere: invalid argument", "because"},
		{"at once", &AttachError{hook, because(base, finding{why: "taken"})}, "attach to nowhere: taken: invalid argument", "attach to nowhere: invalid argument", "taken"},
		{"innermost", &AttachError{hook, later(fmt.Errorf("x: %w", because(base, finding{why: "taken"})), look)}, "attach to nowhere: x: taken: invalid argument", "attach to nowhere: x: invalid argument", "taken"},
		{"outer", &AttachError{hook, later(fmt.Errorf("x: %w", later(base, none)), look)}, "attach to nowhere: because: invalid argument", "attach to nowhere: invalid argument", "because"},
		{"not supported", &AttachError{hook, later(fmt.Errorf("%w: %w", ebpf.ErrNotSupported, base), look)}, "attach to nowhere: because: not supported: invalid argument", "attach to nowhere: not supported: invalid argument", "because"},
		{"ENOTSUPP", because(syscall.Errno(524), finding{why: "y"}), "y: operation not supported (ENOTSUPP)", "operation not supported (ENOTSUPP)", "y"},
		{"wrapped", fmt.Errorf("start: %w", &AttachError{hook, later(base, look)}), "", "start: attach to nowhere: invalid argument", "because"},
		{"joined", fmt.Errorf("all: %w", errors.Join(base, &AttachError{hook, later(base, look)}, &AttachError{hook, because(base, finding{why: "z"})})), "", "attach to nowhere: invalid argument", "because"},
		{"load", &LoadError{Program: "p", Type: ebpf.XDP, Err: later(rejected, readLog(rejected.Log).finding)},
			`load program "p": the verifier rejects it: R0 !read_ok (at 0: exit): permission denied`, `load program "p": permission denied`, "the verifier rejects it: R0 !read_ok (at 0: exit)"},
		{"rejected, without this package", fmt.Errorf("load: %w", rejected), "", "load: : permission denied: 0: (95) exit: R0 !read_ok", "the verifier rejects it: R0 !read_ok (at 0: exit)"},
		{"collection", &LoadError{Collection: true, Program: "p", Type: ebpf.XDP, Err: fmt.Errorf("program p: %w", because(base, finding{why: "w"}))},
			`load collection: program "p": w: invalid argument`, `load collection: program "p": invalid argument`, "w"},
		{"map of a collection", &LoadError{Collection: true, Err: fmt.Errorf("map m: %w", base)}, "load collection: map m: cilium/ebpf did this: invalid argument", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			calls = 0
			d := Explain(tt.err)
			if tt.text != "" && tt.err.Error() != tt.text {
				t.Errorf("error = %q, want %q", tt.err, tt.text)
			}
			if again := Explain(tt.err); !cmp.Equal(d, again) {
				t.Errorf("Explain() = %v, then %v", d, again)
			}
			if calls > 1 {
				t.Errorf("looked %d times", calls)
			}
			if tt.sum == "" {
				if d != nil {
					t.Errorf("Explain() = %v, want nil", d)
				}
				return
			}
			if d == nil || d.Summary != tt.sum || d.Cause != tt.cause {
				t.Fatalf("Explain() = %+v, want %q, %q", d, tt.sum, tt.cause)
			}
			if n := strings.Count(d.String(), "\n"); n > 4 {
				t.Errorf("%d lines:\n%v", n+1, d)
			}
		})
	}
}

func TestReadLog(t *testing.T) {
	for _, tt := range []struct {
		name string
		log  string
		want rejection
	}{
		{"5.10", "0: (61) r2 = *(u32 *)(r1 +0)\n1: (71) r0 = *(u8 *)(r2 +0)\ninvalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)\nR2 offset is outside of the packet\nprocessed 2 insns (limit 1000000)",
			rejection{message: "invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0); R2 offset is outside of the packet", instruction: "1: r0 = *(u8 *)(r2 +0)"}},
		{"6.18 with source", "func#0 @0\n0: R1=ctx() R10=fp0\n; return *data; @ a.c:7\n0: (61) r2 = *(u32 *)(r1 +0)          ; R1=ctx() R2=pkt(r=0)\nfrom 0 to 2: R1=ctx()\n2: R1=ctx()\n2: (95) exit\nR0 !read_ok\nprocessed 1 insns",
			rejection{message: "R0 !read_ok", instruction: "2: exit", source: "return *data; @ a.c:7"}},
		{"loop", "1: (05) goto pc-2\ninfinite loop detected at insn 0\ncur state: R0=0\nold state: R0=0\nprocessed 11 insns",
			rejection{message: "infinite loop detected at insn 0", instruction: "1: goto pc-2"}},
		{"structure", "last insn is not an exit or jmp\nprocessed 0 insns", rejection{message: "last insn is not an exit or jmp"}},
		{"7.3", "0: R1=ctx() R10=fp0\n0: (95) exit\nR0 !read_ok\n\nVerification failed: Register Type Safety: Unreadable register\n\nReason:\n  R0 is not set.\n\nAt:\n  insn 0\n  Instruction context:\n  >>> 0 | (95) exit\n\nSuggestion:\n  Initialize R0 on every path\n  before this instruction.\n\nprocessed 1 insns",
			rejection{message: "R0 !read_ok", instruction: "0: exit", suggestion: "Initialize R0 on every path before this instruction"}},
		{"7.3 structure", "unreachable insn 2\n\nVerification failed: Program Structure: Unreachable instruction\n\nAt:\n  insn 2\n       | ^-- error: unreachable instruction\n  Instruction context:\n      1 | (95) exit\n  >>> 2 | (b7) r0 = 0\n",
			rejection{message: "unreachable insn 2", instruction: "2: r0 = 0"}},
		{"report alone", "Verification failed: Policy: Not allowed\n", rejection{message: "Policy: Not allowed"}},
		{"statistics alone", "processed 1 insns\nverification time 3 usec\nstack depth 0", rejection{}},
		{"nothing", "", rejection{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := readLog(strings.Split(tt.log, "\n"))
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(rejection{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzReadLog(f *testing.F) {
	f.Add("0: (95) exit\nR0 !read_ok\nprocessed 1 insns")
	f.Add("; x @ a.c:1\n0: R1=ctx()\nfrom 0 to 1: R1\nVerification failed: A: B\nAt:\n  >>> 0 | (95) exit\nSuggestion:\n  Do.\n")
	f.Add("1: (\n: \n>>> | (\n0: (aa)\n;\nfrom to : ")
	f.Fuzz(func(t *testing.T, log string) {
		r := readLog(strings.Split(log, "\n"))
		if d := r.finding(); d != nil && (strings.Contains(d.why, "\n") || r.message == "") {
			t.Errorf("finding %q of %q", d.why, log)
		}
	})
}

func TestRequirements(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range requirements {
		if r.kind == "" && r.typ == ebpf.UnspecifiedProgram {
			t.Errorf("a row is about nothing: %+v", r)
		}
		if r.kind != "" && seen[r.kind] {
			t.Errorf("two rows of %s", r.kind)
		}
		seen[r.kind] = true
		for _, c := range r.configs {
			if !strings.HasPrefix(c, "CONFIG_") {
				t.Errorf("%s: option %q", r.kind, c)
			}
		}
	}
	for _, h := range []Hook{
		XDP{}, Tracepoint{}, RawTracepoint{}, SkLookup{}, FlowDissector{}, SkMsg{}, Kprobe{}, Kretprobe{}, Uprobe{}, Uretprobe{},
		Fentry{}, Fexit{}, SkSkb{}, SkSkb{Kind: SkSkbStreamParser}, SkSkb{Kind: SkSkbVerdict},
	} {
		if kind, _, _ := strings.Cut(h.String(), " "); requirementOfHook(kind) == nil || requirementOfHook(kind).kind != kind {
			t.Errorf("no row of %v", h)
		}
	}
	if r := requirementOfProgram(ebpf.Kprobe, ebpf.AttachNone); r == nil || r.kind != "" {
		t.Errorf("kprobe programs need %+v: uprobes have them too", r)
	}
}
