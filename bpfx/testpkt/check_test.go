package testpkt_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/testpkt"
)

// hop is an XDP program that takes a hop off IPv4's TTL, but forgets the
// checksum, and drops what isn't IPv4.
var hop = fakeXDP(func(pkt []byte) (uint32, []byte) {
	if len(pkt) < 34 || pkt[12] != 8 {
		return 1, pkt
	}
	pkt[22]--
	return 2, pkt
})

func TestCheck(t *testing.T) {
	in := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{TTL: 64}, testpkt.UDP{})
	out := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{TTL: 63}, testpkt.UDP{})
	other := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.Payload("hello"))
	wrong := errors.New("mark is 0, want 42")
	for _, tt := range []struct {
		name string
		c    testpkt.Case
		want []string
	}{
		{"verdict", testpkt.Case{Packet: other, Verdict: "XDP_DROP"}, nil},
		{"number", testpkt.Case{Packet: other, Verdict: "1"}, nil},
		{"packet", testpkt.Case{Packet: other, Verdict: "XDP_DROP", Want: other}, nil},
		{"ignore", testpkt.Case{Packet: in, Verdict: "XDP_PASS", Want: out, Ignore: []string{"IPv4.Checksum"}}, nil},
		{"match", testpkt.Case{Packet: in, Verdict: "XDP_PASS", Match: []testpkt.Layer{testpkt.IPv4{TTL: 63}}}, nil},
		{"verify", testpkt.Case{Packet: in, Verdict: "XDP_PASS", Verify: func(r bpfx.Result) error {
			if len(r.Data) != len(in) {
				return errors.New("length")
			}
			return nil
		}}, nil},

		{"other verdict", testpkt.Case{Packet: other, Verdict: "XDP_PASS"}, []string{`case "other verdict": Verdict: want XDP_PASS, got XDP_DROP`}},
		{"other number", testpkt.Case{Packet: other, Verdict: "-1"}, []string{`case "other number": Verdict: want -1, got XDP_DROP`}},
		{"other packet", testpkt.Case{Packet: in, Verdict: "XDP_PASS", Want: in}, []string{`case "other packet": IPv4.TTL: want 64, got 63`}},
		{"checksum", testpkt.Case{Packet: in, Verdict: "XDP_PASS", Want: out}, []string{`case "checksum": IPv4.Checksum: want 0x67cf, got 0x66cf`}},
		{"no match", testpkt.Case{Packet: in, Verdict: "XDP_PASS", Match: []testpkt.Layer{testpkt.VLAN{}, testpkt.IPv4{TTL: 9}}}, []string{
			`case "no match": VLAN: not in Ethernet/IPv4/UDP`, `case "no match": IPv4.TTL: want 9, got 63`,
		}},
		{"all", testpkt.Case{Packet: in, Verdict: "XDP_TX", Want: in, Match: []testpkt.Layer{testpkt.TCP{}}, Verify: func(bpfx.Result) error { return wrong }}, []string{
			`case "all": Verdict: want XDP_TX, got XDP_PASS`, `case "all": IPv4.TTL: want 64, got 63`,
			`case "all": TCP: not in Ethernet/IPv4/UDP`, `case "all": mark is 0, want 42`,
		}},
		{"joined", testpkt.Case{Packet: in, Verdict: "XDP_PASS", Verify: func(r bpfx.Result) error {
			return testpkt.Match(r.Data, testpkt.IPv4{TTL: 9, ID: 3})
		}}, []string{`case "joined": IPv4.ID: want 3, got 0`, `case "joined": IPv4.TTL: want 9, got 63`}},
		{"wrapped", testpkt.Case{Packet: in, Verdict: "XDP_PASS", Verify: func(bpfx.Result) error {
			return fmt.Errorf("%w: %w", wrong, os.ErrInvalid)
		}}, []string{`case "wrapped": mark is 0, want 42: invalid argument`}},

		{"no verdict", testpkt.Case{Packet: in}, []string{`case "no verdict": Verdict: none is given, want one`}},
		{"typo", testpkt.Case{Packet: in, Verdict: "XDP_DORP"}, []string{`case "typo": Verdict: "XDP_DORP" is none of XDP programs (nearest: XDP_DROP)`}},
		{"other type", testpkt.Case{Packet: in, Verdict: "TC_ACT_OK"}, []string{`case "other type": Verdict: "TC_ACT_OK" is none of XDP programs`}},
		{"ignore nothing", testpkt.Case{Packet: in, Verdict: "XDP_PASS", Ignore: []string{"IPv4.TTL"}}, []string{`case "ignore nothing": Ignore: there is no Want that it could be ignored in`}},
		{"ignore typo", testpkt.Case{Packet: in, Verdict: "XDP_PASS", Want: out, Ignore: []string{"IPv4.Sum", "IPv4.Checksum"}}, []string{`case "ignore typo": ignore "IPv4.Sum": no layer or field has this name`}},
		{"short", testpkt.Case{Packet: in[:13], Verdict: "XDP_PASS"}, []string{`case "short": 13 bytes: invalid argument`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.c.Name = tt.name
			var got []string
			if err := testpkt.Check(hop, []testpkt.Case{tt.c}); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("Check() (-want +got):\n%s", d)
			}
		})
	}
}

// TestCheckTable checks tables that can't be right, and that nothing hides
// anything else.
func TestCheckTable(t *testing.T) {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.Payload("hello"))
	drop := func(name string) testpkt.Case {
		return testpkt.Case{Name: name, Packet: pkt, Verdict: "XDP_DROP"}
	}
	bad := drop("bad")
	bad.Verdict = "XDP_PASS"
	for _, tt := range []struct {
		name  string
		prog  testpkt.Runner
		cases []testpkt.Case
		want  string
	}{
		{"good", hop, []testpkt.Case{drop("a"), drop("b")}, ""},
		{"nil program", (*bpfx.Program)(nil), []testpkt.Case{drop("a")}, "check: nil program: load one first"},
		{"empty", hop, nil, "check: no cases"},
		{"no name", hop, []testpkt.Case{drop("a"), drop("")}, `case "1": Name: none is given, want one`},
		{"same name", hop, []testpkt.Case{drop("a"), drop("b"), drop("a")}, `case "a": Name: another case has it too`},
		{"many", hop, []testpkt.Case{bad, drop("a"), drop("a")}, "case \"bad\": Verdict: want XDP_PASS, got XDP_DROP\n" + `case "a": Name: another case has it too`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := testpkt.Check(tt.prog, tt.cases); err == nil && tt.want != "" || err != nil && err.Error() != tt.want {
				t.Errorf("Check() = %v, want %q", err, tt.want)
			}
		})
	}
	err := testpkt.Check(fake{ebpf.XDP, func(*bpfx.RunInput) (uint32, []byte, error) { return 0, nil, os.ErrClosed }}, []testpkt.Case{bad})
	var caseErr *testpkt.CaseError
	if !errors.As(err, &caseErr) || caseErr.Case != "bad" || !errors.Is(err, os.ErrClosed) {
		t.Errorf("Check() of a closed program = %v", err)
	}
}

// TestCheckTypes checks what depends on the type of program.
func TestCheckTypes(t *testing.T) {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{})
	for _, tt := range []struct {
		typ  ebpf.ProgramType
		ret  uint32
		c    testpkt.Case
		want string
	}{
		{ebpf.SchedCLS, 0, testpkt.Case{Packet: pkt, Verdict: "TC_ACT_OK", Want: pkt}, ""},
		{ebpf.SchedCLS, 1<<32 - 1, testpkt.Case{Packet: pkt, Verdict: "TC_ACT_UNSPEC"}, ""},
		{ebpf.SchedCLS, 1<<32 - 1, testpkt.Case{Packet: pkt, Verdict: "-1"}, ""},
		{ebpf.SchedCLS, 70000, testpkt.Case{Packet: pkt, Verdict: "70000"}, ""},
		{ebpf.SkLookup, 1, testpkt.Case{Context: bpfx.SKLookupContext{Family: 2}, Verdict: "SK_PASS"}, ""},
		{ebpf.SkLookup, 1, testpkt.Case{Verdict: "SK_PASS", Want: pkt}, `case "a": Want: test runs of SkLookup programs leave no packet, use Verify`},
		{ebpf.FlowDissector, 0, testpkt.Case{Verdict: "BPF_OK", Match: []testpkt.Layer{testpkt.TCP{}}}, `case "a": Match: test runs of FlowDissector programs leave no packet, use Verify`},
		{ebpf.CGroupSKB, 1, testpkt.Case{Packet: pkt, Verdict: "1"}, ""},
		{ebpf.CGroupSKB, 1, testpkt.Case{Packet: pkt, Verdict: "2"}, `case "a": Verdict: want 2, got 1`},
		{ebpf.CGroupSKB, 1, testpkt.Case{Packet: pkt, Verdict: "PASS"}, `case "a": Verdict: "PASS": what CGroupSKB programs return has no names, give a number`},
		{ebpf.UnspecifiedProgram, 1, testpkt.Case{Packet: pkt, Verdict: "1"}, ""},
		{ebpf.UnspecifiedProgram, 1, testpkt.Case{Packet: pkt, Verdict: "XDP_DROP"}, `case "a": Verdict: want XDP_DROP, got 1`},
	} {
		t.Run(fmt.Sprint(tt.typ, tt.c.Verdict), func(t *testing.T) {
			prog := fake{tt.typ, func(in *bpfx.RunInput) (uint32, []byte, error) { return tt.ret, in.Data, nil }}
			tt.c.Name = "a"
			if err := testpkt.Check(prog, []testpkt.Case{tt.c}); err == nil && tt.want != "" || err != nil && err.Error() != tt.want {
				t.Errorf("Check() = %v, want %q", err, tt.want)
			}
		})
	}
	none := fake{ebpf.XDP, func(*bpfx.RunInput) (uint32, []byte, error) { return 1, nil, nil }}
	err := testpkt.Check(none, []testpkt.Case{{Name: "a", Packet: pkt, Verdict: "XDP_DROP", Want: pkt}})
	if want := `case "a": the run left no packet`; err == nil || err.Error() != want {
		t.Errorf("Check() = %v, want %q", err, want)
	}
}
