package testpkt_test

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/testpkt"
)

// fake stands in for a program of a type: it is given a packet, which it may
// change, and returns its verdict.
type fake struct {
	typ ebpf.ProgramType
	run func(in *bpfx.RunInput) (ret uint32, data []byte, err error)
}

func (f fake) Type() ebpf.ProgramType { return f.typ }

func (f fake) Run(in bpfx.RunInput) (bpfx.Result, error) {
	ret, data, err := f.run(&in)
	if err != nil {
		return bpfx.Result{}, err
	}
	return bpfx.Result{Return: ret, Verdict: bpfx.Verdict(f.typ, ret), Data: data, Runs: int(max(1, in.Repeat))}, nil
}

// fakeXDP is an XDP program that gets its own copy of the packet, or the
// kernel's error if it is shorter than an Ethernet header.
func fakeXDP(run func(pkt []byte) (ret uint32, data []byte)) fake {
	return fake{ebpf.XDP, func(in *bpfx.RunInput) (uint32, []byte, error) {
		if len(in.Data) < 14 {
			return 0, nil, fmt.Errorf("%d bytes: %w", len(in.Data), syscall.EINVAL)
		}
		ret, data := run(append([]byte{}, in.Data...))
		return ret, data, nil
	}}
}

// variants returns a sequence of them.
func variants(list ...testpkt.Variant) iter.Seq[testpkt.Variant] {
	return func(yield func(testpkt.Variant) bool) {
		for _, v := range list {
			if !yield(v) {
				return
			}
		}
	}
}

func TestTorture(t *testing.T) {
	prog := fakeXDP(func(pkt []byte) (uint32, []byte) {
		switch {
		case len(pkt) < 34:
			return 2, pkt // lets pass what it can't parse
		case len(pkt) == 40:
			pkt[0]++
		}
		return 1, pkt
	})
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{})
	r, err := testpkt.Torture(prog, testpkt.Truncations(pkt))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]int{"XDP_PASS": 20, "XDP_DROP": 8}, r.Verdicts()); d != "" || len(r.Refused()) != 14 || len(r.Outcomes) != len(pkt) {
		t.Errorf("%d refused of %d, verdicts (-want +got):\n%s", len(r.Refused()), len(r.Outcomes), d)
	}
	for i, o := range r.Outcomes {
		if o.Changed != (i == 40) || (o.Refused != nil) != (i < 14) || (o.Verdict == "") != (i < 14) {
			t.Errorf("%+v", o)
		}
	}
	const want = `42 variants, 14 refused by the kernel
XDP_PASS  20  cut to 14 of 42 bytes, before IPv4
XDP_DROP  8   cut to 34 of 42 bytes, before UDP
refused   14  cut to 0 of 42 bytes, before Ethernet
`
	if d := cmp.Diff(want, r.String()); d != "" {
		t.Errorf("String() (-want +got):\n%s", d)
	}
	if err := r.Only("XDP_DROP", "XDP_PASS"); err != nil {
		t.Errorf("Only of both = %v", err)
	}
	err = r.Only("XDP_DROP")
	if err == nil || !strings.HasPrefix(err.Error(), "cut to 14 of 42 bytes, before IPv4: verdict XDP_PASS, want XDP_DROP\n") || !strings.HasSuffix(err.Error(), "\nand 10 more") {
		t.Errorf("Only(XDP_DROP) = %v", err)
	}
}

// TestTortureRefused shows for which errors a packet is to blame.
func TestTortureRefused(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EINVAL, syscall.EMSGSIZE, syscall.ENOMEM, syscall.E2BIG} {
		prog := fake{ebpf.XDP, func(in *bpfx.RunInput) (uint32, []byte, error) {
			if len(in.Data) == 0 {
				return 0, nil, fmt.Errorf("run: %w", errno)
			}
			return 2, in.Data, nil
		}}
		r, err := testpkt.Torture(prog, testpkt.Truncations(make([]byte, 3)))
		if err != nil || len(r.Refused()) != 1 || !errors.Is(r.Refused()[0].Refused, errno) {
			t.Errorf("%v: Torture() = %v\n%v", errno, err, r)
		}
	}
}

func TestTortureErrors(t *testing.T) {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{})
	pass := fakeXDP(func(pkt []byte) (uint32, []byte) { return 2, pkt })
	failing := func(err error) fake {
		return fake{ebpf.XDP, func(*bpfx.RunInput) (uint32, []byte, error) { return 0, nil, err }}
	}
	returns := func(typ ebpf.ProgramType, n uint32) fake {
		return fake{typ, func(*bpfx.RunInput) (uint32, []byte, error) { return n, nil, nil }}
	}
	for _, tt := range []struct {
		name     string
		prog     testpkt.Runner
		variants iter.Seq[testpkt.Variant]
		want     string
		is       error
	}{
		{"nil", nil, testpkt.Hostile(pkt), "torture: nil program: load one first", nil},
		{"nil pointer", (*fake)(nil), testpkt.Hostile(pkt), "torture: nil program: load one first", nil},
		{"nil program", (*bpfx.Program)(nil), testpkt.Hostile(pkt), "torture: nil program: load one first", nil},
		{"no program", bpfx.Wrap(nil), testpkt.Hostile(pkt), "torture: nil program: load one first", nil},
		{"nil variants", pass, nil, "torture: no variants", testpkt.ErrVariants},
		{"no variants", pass, testpkt.Corruptions(pkt, testpkt.VLAN{}), "torture: no variants", testpkt.ErrVariants},
		{"empty packet", pass, testpkt.Hostile(nil), "torture: no variants", testpkt.ErrVariants},
		{"all refused", failing(syscall.EINVAL), variants(testpkt.Variant{Name: "one"}, testpkt.Variant{Name: "two"}), "torture: none of 2 variants was run, the first, one, because: invalid argument", syscall.EINVAL},
		{"closed", failing(os.ErrClosed), testpkt.Truncations(pkt), "torture: cut to 0 of 42 bytes, before Ethernet: file already closed", os.ErrClosed},
		{"meaningless", returns(ebpf.XDP, 42), variants(testpkt.Variant{Name: "one"}), "one: verdict 42, which no XDP program returns", nil},
		{"class", returns(ebpf.SchedCLS, 42), variants(testpkt.Variant{Name: "one"}), "", nil},
		{"number", returns(ebpf.CGroupSKB, 3), variants(testpkt.Variant{Name: "one"}), "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := testpkt.Torture(tt.prog, tt.variants)
			if fmt.Sprint(err) != tt.want && (err != nil || tt.want != "") || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("Torture() = %v, want %q", err, tt.want)
			}
		})
	}
}
