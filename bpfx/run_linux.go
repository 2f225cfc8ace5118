package bpfx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/sys"
)

const (
	// outputRoom is how much larger than its input a packet can get by
	// bpf_xdp_adjust_head: XDP_PACKET_HEADROOM + NET_IP_ALIGN.
	outputRoom = 256 + 2
	// contextRoom fits every context of Linux 7.3 and some more.
	contextRoom = 256
	// maxOutput is more than the largest XDP packet with fragments, and ends
	// the search for the size of one where the kernel won't tell it.
	maxOutput = 1 << 20
)

// run runs p, which the caller keeps open, and fills res.
func run(p *ebpf.Program, in *RunInput, res *Result) error {
	typ := p.Type()
	rule := ruleOf(typ)
	if err := rule.check(typ, in); err != nil {
		return err
	}
	if len(in.Data) > math.MaxInt32 {
		return fmt.Errorf("%d bytes of Data: %w", len(in.Data), unix.E2BIG)
	}
	context, contextOut, err := encodeContext(in.Context, rule)
	if err != nil {
		return err
	}
	if in.LiveFrames {
		contextOut = nil
	}
	out := dataOut(in, rule)

	attr := sys.TestRunAttr{
		ProgFD:     uint32(p.FD()),
		DataSizeIn: uint32(len(in.Data)),
		DataIn:     sys.Bytes(in.Data),
		Repeat:     in.Repeat,
		CtxSizeIn:  uint32(len(context)),
		CtxIn:      sys.Bytes(context),
		CPU:        in.CPU,
		BatchSize:  in.BatchSize,
		Flags:      runFlags(in),
	}
	for {
		attr.DataSizeOut, attr.DataOut = uint32(len(out)), sys.Bytes(out)
		attr.CtxSizeOut, attr.CtxOut = uint32(len(contextOut)), sys.Bytes(contextOut)
		err = sys.TestRun(&attr)
		if err == nil || !errors.Is(err, unix.ENOSPC) || !grow(&out, int(attr.DataSizeOut), &contextOut, int(attr.CtxSizeOut)) {
			break
		}
	}
	runtime.KeepAlive(p)
	if err != nil {
		return runError(typ, in, context, err)
	}

	if typ == ebpf.FlowDissector {
		attr.Retval = flowVerdict(attr.Retval)
	}
	res.Return = attr.Retval
	res.Duration = time.Duration(attr.Duration)
	res.Runs = int(max(in.Repeat, 1))
	if !in.LiveFrames {
		res.Verdict = Verdict(typ, attr.Retval)
	}
	if out != nil {
		res.Data = out[:min(int(attr.DataSizeOut), len(out))]
	}
	switch {
	case rule.inPlace:
		res.Context = context
	case contextOut != nil:
		res.Context = contextOut[:min(int(attr.CtxSizeOut), len(contextOut))]
	}
	return nil
}

// What flow dissector programs return (include/uapi/linux/bpf.h, enum
// bpf_ret_code).
const (
	flowOK   = 0
	flowDrop = 2
)

// flowVerdict returns what a flow dissector program returned. Before Linux 6.1
// the kernel tells 1 if that was BPF_OK, and 0 if it was anything else, which
// to the kernel was BPF_DROP (net/core/flow_dissector.c, bpf_flow_dissect).
func flowVerdict(ret uint32) uint32 {
	switch {
	case ret > 1 || tellsFlowVerdict():
		return ret
	case ret == 1:
		return flowOK
	}
	return flowDrop
}

// tellsFlowVerdict reports whether the kernel tells what a flow dissector
// returned. It asks the kernel, since distributions took the change over.
var tellsFlowVerdict = sync.OnceValue(func() bool {
	p, err := ebpf.NewProgram(FlowDissector{}.Spec(asm.Instructions{asm.Mov.Imm(asm.R0, flowDrop), asm.Return()}))
	if err != nil {
		return !thisMachine.before("6.1") // who may run a program may not be who loaded it
	}
	defer p.Close()
	packet := make([]byte, ruleOf(ebpf.FlowDissector).minData)
	attr := sys.TestRunAttr{ProgFD: uint32(p.FD()), DataSizeIn: uint32(len(packet)), DataIn: sys.Bytes(packet)}
	if sys.TestRun(&attr) != nil {
		return !thisMachine.before("6.1")
	}
	return attr.Retval == flowDrop
})

// grow makes room for output that did not fit, and reports whether it could.
// need and needContext are the sizes that the kernel wrote, if it wrote any.
func grow(out *[]byte, need int, context *[]byte, needContext int) bool {
	switch {
	case needContext > len(*context):
		*context = make([]byte, needContext)
	case need > len(*out):
		*out = make([]byte, need)
	case len(*out) >= maxOutput:
		return false
	default:
		// XDP packets whose fragments alone don't fit: the kernel leaves
		// before it writes the size (net/bpf/test_run.c, bpf_test_finish).
		*out = make([]byte, max(4*len(*out), 4096))
	}
	return true
}

// dataOut returns the buffer for the packet, nil if there will be none.
func dataOut(in *RunInput, rule *runRule) []byte {
	if rule.takes&runDataOut == 0 || in.LiveFrames {
		return nil
	}
	if cap(in.DataOut) > 0 {
		return in.DataOut[:cap(in.DataOut)]
	}
	return make([]byte, max(len(in.Data)+outputRoom, rule.minOut))
}

// encodeContext returns the context in the kernel's layout and the buffer that
// it will come back in.
func encodeContext(context any, rule *runRule) (in, out []byte, err error) {
	if context == nil {
		return nil, nil, nil
	}
	room := 0
	if rule.contextOut {
		room = contextRoom
	}
	var buf []byte
	if b, ok := context.([]byte); ok {
		buf = append(make([]byte, 0, len(b)+room), b...)
	} else {
		size := binary.Size(context)
		if size < 0 {
			return nil, nil, fmt.Errorf("context of type %T has no fixed size: %w", context, unix.EINVAL)
		}
		buf, err = binary.Append(make([]byte, 0, size+room), binary.NativeEndian, context)
		if err != nil {
			return nil, nil, fmt.Errorf("encode context: %w", err)
		}
	}
	if len(buf) == 0 {
		return nil, nil, nil
	}
	if room > 0 {
		out = buf[len(buf):cap(buf)]
	}
	return buf[:len(buf):len(buf)], out, nil
}

func runFlags(in *RunInput) (flags uint32) {
	if in.OnCPU {
		flags |= sys.TestRunOnCPU
	}
	if in.LiveFrames {
		flags |= sys.TestXDPLiveFrames
	}
	if in.ChecksumComplete {
		flags |= sys.TestSKBChecksumComplete
	}
	return flags
}

// runError says what can be found out about why the kernel refused a run.
func runError(typ ebpf.ProgramType, in *RunInput, context []byte, err error) error {
	why := ""
	switch {
	case errors.Is(err, sys.ENOTSUPP), errors.Is(err, unix.EOPNOTSUPP) && typ == ebpf.StructOps:
		return fmt.Errorf("run %v program: the kernel can't test-run this type: %w", typ, ebpf.ErrNotSupported)
	case errors.Is(err, unix.EFAULT) && typ == ebpf.Tracing:
		return fmt.Errorf("run %v program: of this type the kernel only runs fentry, fexit and fmod_ret: %w: %w", typ, ebpf.ErrNotSupported, err)
	case errors.Is(err, unix.EINVAL):
		why = whyInvalid(typ, in, context)
	case errors.Is(err, unix.EBADMSG) && in.ChecksumComplete:
		why = "the program left the packet's checksum (skb->csum) wrong"
	case errors.Is(err, unix.ENODEV):
		why = "the context names an interface that doesn't exist"
	case errors.Is(err, unix.EAFNOSUPPORT) && typ == ebpf.SkLookup:
		why = "the context's Family must be AF_INET or AF_INET6"
	case errors.Is(err, unix.ERANGE) && typ == ebpf.SkLookup:
		why = "the context's LocalPort is above 65535"
	case errors.Is(err, unix.EPROTO) && typ == ebpf.Netfilter:
		why = "the packet's EtherType must be that of IPv4 or IPv6"
	case errors.Is(err, unix.ENXIO) && in.OnCPU:
		why = fmt.Sprintf("there is no CPU %d", in.CPU)
	case errors.Is(err, unix.EINTR):
		why = "a signal interrupted it every time"
	}
	if why == "" {
		return fmt.Errorf("run %v program: %w", typ, err)
	}
	return fmt.Errorf("run %v program: %s: %w", typ, why, err)
}
