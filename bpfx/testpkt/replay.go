package testpkt

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
)

// ErrLinkType is returned when packets have no link layer that programs can be
// run over.
var ErrLinkType = errors.New("unsupported link type")

// ReplayOptions are options of [Replay].
type ReplayOptions struct {
	// Each is called for each packet, in order, those refused included. An
	// error ends the replay and is returned as it is.
	Each func(Replayed) error

	// Input is called before each run, with a copy of the packet as Data, to set
	// other inputs, such as a context. It may change the packet. Not called if
	// nil.
	Input func(in *bpfx.RunInput)

	// Time is how often to run each packet once more, to time it. Its first
	// run gives verdict and packet, the others what they take on average: the
	// kernel sets the packet up once, so a program that changes it sees its
	// own changes. XDP programs need 16 ms more per packet. Zero: the first
	// run is timed, which mostly measures cold caches.
	Time uint32
}

// Replayed is a packet of a capture after a run.
type Replayed struct {
	PcapPacket             // as captured
	Number     int         // in the capture, from 1, as Wireshark counts
	Input      []byte      // what was run: Data with an Ethernet header
	Output     []byte      // what the program left of it; nil if its type leaves none
	Result     bpfx.Result // of the run; Duration and Runs are those of the timing
	Verdict    string      // as Result has it, or the number; "" if it was refused
	Changed    bool        // whether Output differs from Input
	Refused    error       // why the kernel refused to run it, if it did
}

// ReplayReport is what came of a replay, in packets.
type ReplayReport struct {
	Packets   int            // in the capture
	Verdicts  map[string]int // by name, or number where there is none
	Changed   int            // that the program changed
	Refused   int            // that the kernel refused to run
	Truncated int            // of which not all was captured; they were run as they are
	Duration  time.Duration  // of one run of each

	// FirstRefused is the first packet that was refused, counted from 1, and
	// WhyRefused why.
	FirstRefused int
	WhyRefused   error
}

// Replay runs a program over the packets of a capture, one after the other. It
// takes no more memory than a packet needs. opts may be nil.
//
// Captures of raw IP packets get an Ethernet header of [Ethernet]'s defaults.
// Packets that the kernel refuses to run are reported and don't end the replay:
// XDP and tc programs need at least an Ethernet header, and for tc a packet may
// have some 3700 bytes at most, on newer kernels more.
//
// Returns an error that wraps [ErrLinkType] if the capture is of anything else,
// the [*PcapError] of a malformed one, the error of a run that fails for any
// other reason than its packet, and one if the kernel refuses all packets. The
// report holds what came before.
func Replay(prog Runner, r *PcapReader, opts *ReplayOptions) (*ReplayReport, error) {
	typ, err := typeOf(prog)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	if r == nil {
		return nil, errors.New("replay: nil capture: make a PcapReader first")
	}
	link, err := linkOf(r.LinkType())
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	p := replay{prog: prog, typ: typ, link: link, report: &ReplayReport{Verdicts: make(map[string]int)}}
	if opts != nil {
		p.opts = *opts
	}
	for pkt, err := range r.All() {
		if err != nil {
			return p.report, fmt.Errorf("replay: %w", err)
		}
		if err := p.packet(pkt); err != nil {
			return p.report, err
		}
	}
	if n := p.report.Refused; n > 0 && n == p.report.Packets {
		return p.report, fmt.Errorf("replay: none of %d packets was run, the first because: %w", n, p.report.WhyRefused)
	}
	return p.report, nil
}

// linkOf returns what makes an Ethernet frame of a packet of a link type.
func linkOf(t LinkType) (func([]byte) []byte, error) {
	switch t {
	case LinkTypeEthernet:
		return func(b []byte) []byte { return b }, nil
	case LinkTypeIP, LinkTypeIPv4, LinkTypeIPv6:
		return addEthernet, nil
	case LinkTypeLinuxSLL, LinkTypeLinuxSLL2:
		return nil, fmt.Errorf("%v has no Ethernet header (capture on one interface instead of any): %w", t, ErrLinkType)
	}
	return nil, fmt.Errorf("%v, want %v or %v: %w", t, LinkType(LinkTypeEthernet), LinkType(LinkTypeIP), ErrLinkType)
}

// addEthernet returns an IP packet with an Ethernet header.
func addEthernet(b []byte) []byte {
	eth := Ethernet{EtherType: EtherTypeIPv4}
	if len(b) > 0 && b[0]>>4 == 6 {
		eth.EtherType = EtherTypeIPv6
	}
	return MustBuild(eth, Payload(b)) // there is nothing to fail
}

// replay is one under way.
type replay struct {
	prog   Runner
	typ    ebpf.ProgramType
	link   func([]byte) []byte
	opts   ReplayOptions
	report *ReplayReport
}

// packet runs the program over one packet and counts it.
func (p *replay) packet(pkt PcapPacket) error {
	p.report.Packets++
	out := Replayed{PcapPacket: pkt, Number: p.report.Packets, Input: p.link(pkt.Data)}
	if pkt.Truncated() {
		p.report.Truncated++
	}
	if err := p.run(&out); err != nil {
		return fmt.Errorf("replay: packet %d: %w", out.Number, err)
	}
	if p.opts.Each != nil {
		return p.opts.Each(out)
	}
	return nil
}

// run runs the program over a packet and fills in what came of it.
func (p *replay) run(out *Replayed) error {
	in := bpfx.RunInput{Data: out.Input}
	if p.opts.Input != nil {
		in.Data = bytes.Clone(in.Data)
		p.opts.Input(&in)
		out.Input = in.Data
	}
	res, err := p.prog.Run(in)
	if err == nil && p.opts.Time > 0 {
		in.Repeat, in.DataOut = p.opts.Time, nil // the first run's output is kept
		var timed bpfx.Result
		timed, err = p.prog.Run(in)
		res.Duration, res.Runs = timed.Duration, timed.Runs
	}
	switch {
	case err != nil && !refused(err):
		return err
	case err != nil:
		if p.report.Refused++; p.report.Refused == 1 {
			p.report.FirstRefused, p.report.WhyRefused = out.Number, err
		}
		out.Refused = err
		return nil
	}
	out.Result, out.Verdict = res, verdictOf(res)
	out.Output = packetLeft(p.typ, out.Input, res)
	out.Changed = out.Output != nil && !bytes.Equal(out.Output, out.Input)
	p.report.Verdicts[out.Verdict]++
	p.report.Duration += res.Duration
	if out.Changed {
		p.report.Changed++
	}
	return nil
}

// String returns a table of the verdicts and a line of each other number that
// isn't zero.
func (r *ReplayReport) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "packets\t%d\n", r.Packets)
	for _, verdict := range slices.Sorted(maps.Keys(r.Verdicts)) {
		fmt.Fprintf(w, "  %s\t%d\n", verdict, r.Verdicts[verdict])
	}
	if r.Refused > 0 {
		fmt.Fprintf(w, "  refused\t%d\tthe first, packet %d: %v\n", r.Refused, r.FirstRefused, r.WhyRefused)
	}
	if n := r.Packets - r.Refused; n > 0 && r.Duration > 0 {
		fmt.Fprintf(w, "time per packet\t%v\n", r.Duration/time.Duration(n))
	}
	if r.Changed > 0 {
		fmt.Fprintf(w, "changed\t%d\n", r.Changed)
	}
	if r.Truncated > 0 {
		fmt.Fprintf(w, "not captured whole\t%d\n", r.Truncated)
	}
	if err := w.Flush(); err != nil {
		return err.Error() // never: a Builder takes it all
	}
	return b.String()
}
