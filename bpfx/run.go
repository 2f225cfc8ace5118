package bpfx

import (
	"time"
)

// RunInput says how [Program.Run] runs a program. Not every type of program
// takes every field; one that it doesn't take is refused by name.
type RunInput struct {
	// Data is the packet, starting with the link layer. XDP and tc programs
	// and their like need at least 14 bytes, an Ethernet header.
	//
	// To a netfilter program it is an IPv4 packet that this host sends: Data
	// starts with the IP header, 20 bytes at least. A Context in the layout of
	// the kernel's struct nf_hook_state may name the hook and the family; at all
	// hooks but NF_INET_LOCAL_OUT Data starts with an Ethernet header, too.
	Data []byte
	// DataOut is where the packet goes that the program leaves behind. Its
	// whole capacity is used, its contents don't matter, and Result.Data is a
	// part of it unless it was too small. By default a buffer is allocated.
	DataOut []byte
	// Context is the program's context: a []byte in the kernel's layout, one
	// of [XDPContext], [SKBContext], [SKLookupContext], [FlowKeys] and
	// [RawTracepointArgs], or any other value of fixed size that
	// [encoding/binary] can write, or a pointer to one. sk_lookup programs
	// need one; by default there is none.
	Context any
	// Repeat is how often to run the program. 0 means once. The kernel sets
	// up data and context only once, so a program that changes them sees its
	// own changes. An XDP program that is repeated costs some 16 ms more per
	// call, whatever the number.
	Repeat uint32
	// OnCPU has a raw tracepoint program run on CPU, counted from 0. By
	// default it runs where the caller does.
	OnCPU bool
	CPU   uint32
	// LiveFrames has the kernel act on the verdicts of an XDP program: frames
	// really are sent, redirected or passed to the network stack. There is no
	// output then, and Result.Return is 0. The context may name the interface
	// on which frames seem to arrive. Requires Linux 5.18.
	LiveFrames bool
	// BatchSize is how many live frames are handled at once: 64 by default,
	// 256 at most.
	BatchSize uint32
	// ChecksumComplete has the kernel compute a packet's checksum as a network
	// card would, and compare it after the run. Returns an error wrapping
	// EBADMSG if the program left it wrong. Requires Linux 6.11.
	ChecksumComplete bool
}

// Result is what a run of a program gave.
type Result struct {
	// Return is what the program returned, the last time if it was repeated.
	Return uint32
	// Verdict is the kernel's name for Return, such as XDP_DROP. See [Verdict].
	Verdict string
	// Data is the packet that the program left behind. For a flow dissector
	// it is a [FlowKeys], for other types that have no packet nil.
	Data []byte
	// Context is the context that the program left behind, in the kernel's
	// layout; the UnmarshalBinary methods of the context types read it. It is
	// nil if there was none to begin with, and for live frames, raw tracepoint
	// and netfilter programs.
	Context []byte
	// Duration is how long one run took on average. 0 for the types that the
	// kernel doesn't time: raw tracepoint, syscall and tracing programs.
	Duration time.Duration
	// Runs is how many runs Duration is the average of.
	Runs int
}

// Run runs the program in the kernel, without attaching it
// (BPF_PROG_TEST_RUN, Documentation/bpf/bpf_prog_run.rst).
//
// If the output doesn't fit, the program is run once more with a larger
// buffer, so a program that counts packets may count one twice; give DataOut
// enough room to avoid that. The same goes for a run that a signal
// interrupts. Run with DataOut and without Context allocates nothing.
//
// Returns an error that names the option if the program's type doesn't take
// one, and one wrapping [ebpf.ErrNotSupported] if the kernel can't run
// programs of that type: kprobe, tracepoint, perf_event, sk_msg, sk_skb,
// sk_reuseport and iterator programs, up to Linux 7.3. Requires Linux 4.12 for
// XDP and tc programs, 5.0 to 6.5 for others.
func (p *Program) Run(in RunInput) (Result, error) {
	if err := p.acquire(); err != nil {
		return Result{}, err
	}
	defer p.mu.RUnlock()
	var res Result
	err := run(p.Program, &in, &res)
	return res, err
}
