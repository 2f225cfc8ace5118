package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJudge(t *testing.T) {
	skip := func(name, why string) Test { return Test{Package: "p", Name: name, Action: "skip", Output: why} }
	pass := Test{Package: "p", Name: "TestA", Action: "pass"}
	old := Expectation{{"p", "TestTCX"}: {Since: Version{6, 6}}}
	ran := func(tests ...Test) ItemResult { return ItemResult{Name: "p", Ran: true, Ended: true, Tests: tests} }
	tests := []struct {
		name     string
		j        judgement
		item     ItemResult
		problems []string
		counts   [3]int
	}{
		{"green", judgement{Declared: true}, ran(pass), nil, [3]int{1, 0, 0}},
		{"declared skip", judgement{Declared: true, Expect: old}, ran(skip("TestTCX", "Requires Linux 6.6")), nil, [3]int{0, 0, 1}},
		{"undeclared skip", judgement{Declared: true}, ran(skip("TestTCX", "Requires Linux 6.6")),
			[]string{`p TestTCX skipped, undeclared: fix it, or add "p TestTCX : Requires Linux 6.6" to expect/6.1.txt`}, [3]int{0, 0, 1}},
		{"no expectations for this series", judgement{}, ran(skip("TestTCX", "Requires Linux 6.6")), nil, [3]int{0, 0, 1}},
		{"another reason", judgement{Declared: true, Expect: old}, ran(skip("TestTCX", "Requires Linux 6.9")),
			[]string{`p TestTCX skipped and says "Requires Linux 6.9", expect/6.1.txt says "Requires Linux 6.6"`}, [3]int{0, 0, 1}},
		{"false version", judgement{Declared: true}, ran(skip("TestTCX", "Requires Linux 5.18")),
			[]string{`p TestTCX skipped and says "Requires Linux 5.18", but this is Linux 6.1`}, [3]int{0, 0, 1}},
		{"false option", judgement{Config: Config{"CONFIG_BPF": "y"}}, ran(skip("TestTCX", "Requires CONFIG_BPF")),
			[]string{`p TestTCX skipped and says "Requires CONFIG_BPF", but the kernel has CONFIG_BPF=y`}, [3]int{0, 0, 1}},
		{"option, config unknown", judgement{}, ran(skip("TestTCX", "Requires CONFIG_BPF")),
			[]string{`p TestTCX skipped and says "Requires CONFIG_BPF", but the kernel's config is unknown`}, [3]int{0, 0, 1}},
		{"reasonless", judgement{}, ran(skip("TestTCX", "needs root\n")),
			[]string{"p TestTCX skipped without a reason that can be verified: needs root"}, [3]int{0, 0, 1}},
		{"now works", judgement{Declared: true, Expect: old}, ran(Test{Package: "p", Name: "TestTCX", Action: "pass"}),
			[]string{`p TestTCX now works: remove the line "Requires Linux 6.6" from expect/6.1.txt`}, [3]int{1, 0, 0}},
		{"declared test is gone", judgement{Declared: true, Expect: old, Whole: true}, ran(pass),
			[]string{"expect/6.1.txt: there is no p TestTCX: remove the line"}, [3]int{1, 0, 0}},
		{"declared test is filtered out", judgement{Declared: true, Expect: old}, ran(pass), nil, [3]int{1, 0, 0}},
		{"declared subtest of a skipped test", judgement{Whole: true, Expect: Expectation{{"p", "TestX/sub"}: {Since: Version{6, 6}}}},
			ran(skip("TestX", "Requires Linux 6.6")), nil, [3]int{0, 0, 1}},
		{"feature without its test", judgement{Whole: true, Features: []Feature{{"tcx", TestID{"p", "TestTCX"}}, {"other", TestID{"q", "TestQ"}}}}, ran(pass),
			[]string{`features.txt: there is no p TestTCX, which "tcx" rests on`}, [3]int{1, 0, 0}},
		{"failure", judgement{}, ItemResult{Name: "p", Ran: true, Ended: true, Exit: 1, Tests: []Test{{Package: "p", Name: "TestF", Action: "fail"}}},
			[]string{"p TestF failed"}, [3]int{0, 1, 0}},
		{"exit code alone", judgement{}, ItemResult{Name: "p", Ran: true, Ended: true, Exit: 1, Tests: []Test{pass}},
			[]string{"p: exit code 1, though no test failed"}, [3]int{1, 1, 0}},
		{"ended by the guest", judgement{}, ItemResult{Name: "p", Ran: true, Ended: true, Exit: 137, Why: "wrote more than 64 MB", Tests: []Test{{Package: "p", Name: "TestF", Action: "run"}}},
			[]string{"p TestF never ended", "p: wrote more than 64 MB"}, [3]int{0, 1, 0}},
		{"didn't run", judgement{}, ItemResult{Name: "p"}, []string{"p didn't run"}, [3]int{0, 1, 0}},
		{"nothing", judgement{}, ran(), []string{"nothing ran: no test matches"}, [3]int{0, 0, 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &KernelResult{Label: "6.1", Release: "6.1.0-50-amd64", Items: []ItemResult{test.item}}
			test.j.judge(r)
			if diff := cmp.Diff(test.problems, r.Problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if got := [3]int{r.Passed, r.Failed, r.Skipped}; got != test.counts {
				t.Errorf("passed, failed, skipped = %v, want %v", got, test.counts)
			}
		})
	}
}

// TestJudgeNothingBesidesProblems: a guest that died is one problem, not two.
func TestJudgeNothingBesidesProblems(t *testing.T) {
	r := &KernelResult{Label: "6.1", Problems: []string{"the guest died while it booted"}}
	judgement{}.judge(r)
	if len(r.Problems) != 1 {
		t.Errorf("problems = %q", r.Problems)
	}
}
