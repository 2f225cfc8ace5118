package testpkt

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
)

// ErrVariants is returned when there are no variants to run a program over.
var ErrVariants = errors.New("no variants")

// Torture runs a program over hostile variants of packets and reports what it
// returned for each:
//
//	report, err := testpkt.Torture(prog, testpkt.Hostile(pkt))
//	if err == nil {
//		err = report.Only("XDP_PASS", "XDP_DROP")
//	}
//
// The kernel refuses to run programs over some packets: XDP and tc programs
// over those that are shorter than an Ethernet header, and, for tc on newer
// kernels, than the IP header that it announces. These count as refused.
//
// Returns an error if a run fails for any other reason, which names the
// variant and ends the torture; if the kernel refuses every variant, or there
// are none, which wraps [ErrVariants] then; and if a program returns what its
// type has no meaning for, except with tc, where that can be a class. The
// report holds what came before.
func Torture(prog Runner, variants ...iter.Seq[Variant]) (*TortureReport, error) {
	typ, err := typeOf(prog)
	if err != nil {
		return nil, fmt.Errorf("torture: %w", err)
	}
	r := &TortureReport{}
	for _, seq := range variants {
		if seq == nil {
			continue
		}
		for v := range seq {
			if err := r.try(typ, prog, v); err != nil {
				return r, err
			}
		}
	}
	if len(r.Outcomes) == 0 {
		return r, fmt.Errorf("torture: %w", ErrVariants)
	}
	if refused := r.Refused(); len(refused) == len(r.Outcomes) {
		return r, fmt.Errorf("torture: none of %d variants was run, the first, %s, because: %w", len(refused), refused[0].Name, refused[0].Refused)
	}
	return r, r.meaningless(typ)
}

// TortureReport is what [Torture] found.
type TortureReport struct {
	Outcomes []Outcome // of each variant, in order
}

// Outcome is what came of a program's run over a variant.
type Outcome struct {
	Name    string // of the variant
	Verdict string // as [bpfx.Result] has it, or the number; "" if it was refused
	Changed bool   // whether the program changed the packet
	Refused error  // why the kernel refused to run it, if it did
}

// try runs a program over a variant.
func (r *TortureReport) try(typ ebpf.ProgramType, prog Runner, v Variant) error {
	res, err := prog.Run(bpfx.RunInput{Data: v.Packet})
	if err != nil && !refused(err) {
		return fmt.Errorf("torture: %s: %w", v.Name, err)
	}
	o := Outcome{Name: v.Name, Refused: err}
	if err == nil {
		left := packetLeft(typ, v.Packet, res)
		o.Verdict, o.Changed = verdictOf(res), left != nil && !bytes.Equal(left, v.Packet)
	}
	r.Outcomes = append(r.Outcomes, o)
	return nil
}

// Refused returns the outcomes of the variants that the kernel refused to run.
func (r *TortureReport) Refused() []Outcome {
	var list []Outcome
	for _, o := range r.Outcomes {
		if o.Refused != nil {
			list = append(list, o)
		}
	}
	return list
}

// Verdicts returns how often each verdict came out.
func (r *TortureReport) Verdicts() map[string]int {
	counts := make(map[string]int)
	for _, o := range r.Outcomes {
		if o.Refused == nil {
			counts[o.Verdict]++
		}
	}
	return counts
}

// Only returns nil if no other verdicts than these came out, otherwise an error
// that names the variants that gave another.
func (r *TortureReport) Only(verdicts ...string) error {
	return r.complain("want "+strings.Join(verdicts, " or "), func(o Outcome) bool {
		return !slices.Contains(verdicts, o.Verdict)
	})
}

// meaningless returns an error if there are verdicts that mean nothing to the
// kernel.
func (r *TortureReport) meaningless(typ ebpf.ProgramType) error {
	if typ == ebpf.SchedCLS || typ == ebpf.SchedACT || !hasVerdicts(typ) {
		return nil
	}
	return r.complain(fmt.Sprintf("which no %v program returns", typ), func(o Outcome) bool { return isNumber(o.Verdict) })
}

// complain returns an error that names variants with bad verdicts.
func (r *TortureReport) complain(what string, bad func(Outcome) bool) error {
	const most = 10
	var errs []error
	left := 0
	for _, o := range r.Outcomes {
		switch {
		case o.Refused != nil || !bad(o):
		case len(errs) == most:
			left++
		default:
			errs = append(errs, fmt.Errorf("%s: verdict %s, %s", o.Name, o.Verdict, what))
		}
	}
	if left > 0 {
		errs = append(errs, fmt.Errorf("and %d more", left))
	}
	return errors.Join(errs...)
}

// String returns a table of the verdicts, each with its number of variants and
// the first of them.
func (r *TortureReport) String() string {
	refused := r.Refused()
	var b strings.Builder
	fmt.Fprintf(&b, "%d variants, %d refused by the kernel\n", len(r.Outcomes), len(refused))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	counts := r.Verdicts()
	for _, o := range r.Outcomes { // in the order of their first variants
		if n := counts[o.Verdict]; n > 0 && o.Refused == nil {
			fmt.Fprintf(w, "%s\t%d\t%s\n", o.Verdict, n, o.Name)
			delete(counts, o.Verdict)
		}
	}
	if len(refused) > 0 {
		fmt.Fprintf(w, "refused\t%d\t%s\n", len(refused), refused[0].Name)
	}
	if err := w.Flush(); err != nil {
		return err.Error() // never: a Builder takes it all
	}
	return b.String()
}
