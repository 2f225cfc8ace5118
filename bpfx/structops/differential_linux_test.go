package structops

import (
	"errors"
	"slices"
	"testing"

	"github.com/bpfx/go/internal/scope"
	"github.com/bpfx/go/internal/testutil"
)

// kernelVerdict asks the kernel what it thinks of a spec that Validate has not
// seen. If register is false it asks for as much as it can without registering,
// which is all but the name being free.
func kernelVerdict(s *Spec, register bool) (err error) {
	t, err := Lookup(s.Type)
	if err != nil {
		return err
	}
	for _, p := range s.Funcs {
		if p == nil {
			return errors.New("nil program: nothing to ask the kernel")
		}
	}
	o, err := load(s, t)
	if err != nil {
		return err
	}
	defer func() { err = scope.Join(err, o.Close()) }()
	if o.linked && !register {
		state, _, err := readState(o.m)
		if err == nil && state != stateReady {
			err = errors.New("the map isn't ready: refused without an error")
		}
		return err
	}
	if err := o.Register(); err != nil {
		return err
	}
	names, err := AvailableTCPCC()
	if err == nil && !slices.Contains(names, s.Name) {
		err = errors.New("not registered, without an error")
	}
	return err
}

// laterRules are checked by newer kernels only, of those that this package
// supports: what Validate refuses for them an older one may accept.
var laterRules = map[Rule]string{RuleLicense: "5.13"}

// oursOnly are the rules that are this package's own.
var oursOnly = []Rule{RuleArity, RuleReturn, RuleSleepable, RuleTxStart, RuleKind, RuleProgram}

// tolerates reports whether the kernel may accept what Validate refuses for
// these findings, of changes some of which are for rules of ours.
func tolerates(tb testing.TB, found []Finding, broken []change) bool {
	tb.Helper()
	ours := make(map[Rule]bool)
	for _, c := range broken {
		if c.ours {
			ours[c.rule] = true
		}
	}
	for _, f := range found {
		later := laterRules[f.Rule]
		versioned := later != "" && !testutil.KernelAtLeast(tb, later)
		if !versioned && (!ours[f.Rule] || !slices.Contains(oursOnly, f.Rule)) {
			return false
		}
	}
	return true
}

// TestDifferential compares Validate with the kernel: over each change alone,
// and over each pair of changes. No spec that Validate accepts may be refused,
// and none that it refuses accepted, but for rules that are ours.
func TestDifferential(t *testing.T) {
	testutil.NeedRoot(t)
	typ, err := Lookup("tcp_congestion_ops")
	if err != nil {
		t.Fatal(err)
	}
	all := changes()
	var same, tolerated, accepted int
	compare := func(register bool, cs ...change) {
		s := minimal("bpfx_diff")
		names := make([]string, len(cs))
		for i, c := range cs {
			c.do(s)
			names[i] = c.name
		}
		found, kernel := findings(t, s, typ), kernelVerdict(s, register)
		switch {
		case (len(found) == 0) == (kernel == nil):
			same++
			if kernel == nil {
				accepted++
			}
		case kernel == nil && tolerates(t, found, cs):
			tolerated++
		default:
			t.Errorf("%q: Validate finds %v, the kernel says %v", names, found, kernel)
		}
	}
	compare(true)
	for i, c := range all {
		compare(true, c)
		for _, d := range all[i+1:] {
			compare(false, c, d)
		}
	}
	t.Logf("Linux %s: %d specs: the same verdict on %d, of which %d are accepted; %d are refused by rules of ours or of newer kernels",
		typ.Kernel, same+tolerated, same, accepted, tolerated)
	if accepted < 20 || same < 500 {
		t.Errorf("only %d specs with the same verdict, %d of them accepted: this tests too little", same, accepted)
	}
}
