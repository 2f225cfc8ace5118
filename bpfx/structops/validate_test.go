package structops

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/internal/testutil"
)

// series are the kernels whose BTF is in testdata.
var series = []string{"5.10", "6.1", "6.12", "6.18", "7.3"}

// fixture returns a type of a kernel series, from testdata.
func fixture(tb testing.TB, kernel, name string) *Type {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", kernel+".btf"))
	if err != nil {
		tb.Fatal(err)
	}
	types, err := ParseTypes(data, kernel)
	if err != nil {
		tb.Fatal(err)
	}
	t := find(types, name)
	if t == nil {
		tb.Fatalf("no %s in the BTF of %s", name, kernel)
	}
	return t
}

// findings returns what Validate finds.
func findings(tb testing.TB, s *Spec, t *Type) []Finding {
	tb.Helper()
	err := Validate(s, t)
	if err == nil {
		return nil
	}
	var e *ValidationError
	if !errors.As(err, &e) {
		tb.Fatal(err)
	}
	return e.Findings
}

// TestValidateChanges breaks a congestion control in each single way and wants
// that finding and no other, on every kernel series.
func TestValidateChanges(t *testing.T) {
	for _, kernel := range series {
		typ := fixture(t, kernel, "tcp_congestion_ops")
		for _, c := range changes() {
			t.Run(kernel+"/"+c.name, func(t *testing.T) {
				s := minimal("bpfx_valid")
				c.do(s)
				got := findings(t, s, typ)
				want := c.breaks(kernel)
				if want == "" && len(got) > 0 {
					t.Errorf("findings = %v, want none", got)
				}
				if want != "" && (len(got) != 1 || got[0].Rule != want) {
					t.Errorf("findings = %v, want one, of rule %q", got, want)
				}
			})
		}
	}
}

// TestValidateText pins the text of a spec with many faults: all of them,
// sorted, the same each time.
func TestValidateText(t *testing.T) {
	typ := fixture(t, "6.12", "tcp_congestion_ops")
	s := &Spec{
		Type: "tcp_congestion_ops",
		Name: "bpfx-text",
		Funcs: map[string]*ebpf.ProgramSpec{
			"get_info":            returns(0),
			"sstresh":             returns(2),
			"tso_segs":            returns(2),
			"cwnd_event_tx_start": nothing(),
			"undo_cwnd":           noReturn(),
			"init":                licensed(withFlags(nothing(), sleepable), "MIT"),
			"flags":               nothing(),
			"release":             helperCall(asm.FnSetsockopt),
		},
		Data: map[string]any{"owner": uint64(1), "key": "x"},
	}
	const want = `validate tcp_congestion_ops "bpfx-text" on Linux 6.12: 14 findings
	cong_avoid: the kernel requires one of cong_avoid, cong_control [missing]
	cwnd_event_tx_start: tcp_congestion_ops has no such member: exists since 7.1, this is 6.12 [unknown]
	flags: it is data (u32 flags), not a function: put its value into Data [kind]
	get_info: the kernel doesn't let BPF implement it: leave it out [unsupported]
	init: licence "MIT" isn't compatible with the GPL: use one of GPL, GPL v2, GPL and additional rights, Dual BSD/GPL, Dual MIT/GPL, Dual MPL/GPL [license]
	init: the program is sleepable, but the kernel calls it where it may not sleep: use SEC("struct_ops"), not "struct_ops.s" [sleepable]
	key: string is no value for u32 key [value]
	name: "bpfx-text" has other characters than A-Z a-z 0-9 _ . [name]
	owner: the kernel fills it in: leave it out [zero]
	release: helper FnSetsockopt isn't allowed in release [helper]
	ssthresh: the kernel requires it: it returns the slow start threshold after a loss, in segments [missing]
	sstresh: tcp_congestion_ops has no such member (nearest: ssthresh) [unknown]
	tso_segs: tcp_congestion_ops has no such member (nearest: min_tso_segs) [unknown]
	undo_cwnd: it returns u32, but the program can end without ever having set R0 [return-unset]`
	for range 20 {
		if diff := cmp.Diff(want, Validate(s, typ).Error()); diff != "" {
			t.Fatal(diff)
		}
	}
	for _, f := range findings(t, s, typ) {
		if (f.Since == "7.1") != (f.Member == "cwnd_event_tx_start") {
			t.Errorf("finding %v has Since %q", f, f.Since)
		}
	}
}

// TestValidateSince wants the version from which on something is right.
func TestValidateSince(t *testing.T) {
	typ := fixture(t, "5.10", "tcp_congestion_ops")
	s := minimal("bpfx_since")
	drop("cong_avoid")(s)
	set("cong_control", nothing())(s)
	set("init", helperCall(asm.FnSetsockopt))(s)
	got := findings(t, s, typ)
	if len(got) != 2 || got[0].Since != "6.0" || got[1].Since != "5.15" {
		t.Errorf("findings %v, want since 6.0 and 5.15", got)
	}
}

// TestValidateAs checks against the rules of a kernel that is newer than its
// number.
func TestValidateAs(t *testing.T) {
	testutil.NeedRoot(t)
	s := minimal("bpfx_as")
	drop("cong_avoid")(s)
	set("cong_control", nothing())(s)
	for kernel, want := range map[string]bool{"5.10": false, "6.6": true} {
		s.Kernel = kernel
		err := Validate(s, nil)
		if (err == nil) != want {
			t.Errorf("Validate() as %s = %v, want fine: %v", kernel, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "set Spec.Kernel") {
			t.Errorf("Validate() as %s = %v, want what to do", kernel, err)
		}
	}
}

// TestValidateOthers checks a type without rules by its BTF alone.
func TestValidateOthers(t *testing.T) {
	typ := fixture(t, "7.3", "Qdisc_ops")
	s := &Spec{
		Type:  "Qdisc_ops",
		Funcs: map[string]*ebpf.ProgramSpec{"enqueue": noReturn(), "reset": noReturn(), "init": withFlags(returns(0), sleepable), "dequeu": returns(0)},
		Data:  map[string]any{"id": "bpfx_fifo", "priv_size": -1, "static_flags": -1, "peek": 0},
	}
	var got []string
	for _, f := range findings(t, s, typ) {
		got = append(got, f.Member+" "+string(f.Rule))
	}
	want := []string{"dequeu unknown", "enqueue return-unset", "peek kind", "static_flags value"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := findings(t, minimal("x"), typ); len(got) != 1 || got[0].Rule != RuleSpec {
		t.Errorf("a spec of another type: %v", got)
	}
	if err := Validate(nil, typ); err == nil {
		t.Error("a nil spec is valid")
	}
	// sched_ext has a name, which may have any characters.
	scx := &Spec{Type: "sched_ext_ops", Name: "bpfx scheduler, of many characters"}
	if got := findings(t, scx, fixture(t, "7.3", "sched_ext_ops")); len(got) > 0 {
		t.Errorf("a scheduler of no functions: %v", got)
	}
}

// TestTxStart tells programs that wait for the event from others.
func TestTxStart(t *testing.T) {
	event := asm.LoadMem(asm.R2, asm.R1, 8, asm.DWord)
	out := func(insns ...asm.Instruction) *ebpf.ProgramSpec {
		return program(append(insns, asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())...)
	}
	for _, tt := range []struct {
		name string
		p    *ebpf.ProgramSpec
		want bool
	}{
		{"equal", out(event, asm.JEq.Imm(asm.R2, 0, "out")), true},
		{"copied context", out(asm.Mov.Reg(asm.R6, asm.R1), asm.LoadMem(asm.R3, asm.R6, 8, asm.DWord), asm.JNE.Imm(asm.R3, 0, "out")), true},
		{"cut to 32 bits", out(event, asm.LSh.Imm(asm.R2, 32), asm.RSh.Imm(asm.R2, 32), asm.JEq.Imm(asm.R2, 0, "out")), true},
		{"on one path", out(asm.LoadMem(asm.R3, asm.R1, 0, asm.DWord), asm.JEq.Imm(asm.R3, 7, "out"), event, asm.JEq.Imm(asm.R2, 0, "out")), true},
		{"other event", out(event, asm.JEq.Imm(asm.R2, 3, "out")), false},
		{"the socket", out(asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord), asm.JEq.Imm(asm.R2, 0, "out")), false},
		{"overwritten", out(event, asm.Mov.Imm(asm.R2, 1), asm.JEq.Imm(asm.R2, 0, "out")), false},
		{"after a call", out(event, asm.FnKtimeGetNs.Call(), asm.JEq.Imm(asm.R0, 0, "out")), false},
		{"not a context", out(asm.LoadMem(asm.R2, asm.R10, 8, asm.DWord), asm.JEq.Imm(asm.R2, 0, "out")), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := minimal("bpfx_event")
			s.Funcs["cwnd_event"] = tt.p
			if got := findings(t, s, fixture(t, "7.3", s.Type)); len(got) > 0 != tt.want {
				t.Errorf("findings %v, want some: %v", got, tt.want)
			}
			if got := findings(t, s, fixture(t, "6.18", s.Type)); len(got) > 0 {
				t.Errorf("findings %v before 7.1", got)
			}
			s.Funcs["cwnd_event_tx_start"] = nothing()
			if got := findings(t, s, fixture(t, "7.3", s.Type)); len(got) > 0 {
				t.Errorf("findings %v with cwnd_event_tx_start", got)
			}
		})
	}
}
