package testpkt

import (
	"bytes"
	"errors"
	"reflect"
	"strconv"
	"syscall"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
)

// A Runner runs a program over packets. [*bpfx.Program] is one. Others can set
// more of the input before they call it, such as a context, or stand in for it
// where there is no kernel; if they have its Type method, what is expected of
// them is checked against the type.
type Runner interface {
	Run(in bpfx.RunInput) (bpfx.Result, error)
}

// errNilProgram is returned when there is no program to run.
var errNilProgram = errors.New("nil program: load one first")

// typeOf returns the type of a program, UnspecifiedProgram if it doesn't tell,
// and an error if there is none.
func typeOf(prog Runner) (ebpf.ProgramType, error) {
	if prog == nil {
		return 0, errNilProgram
	}
	if v := reflect.ValueOf(prog); v.Kind() == reflect.Pointer && v.IsNil() {
		return 0, errNilProgram
	}
	if p, ok := prog.(*bpfx.Program); ok && p.Program == nil {
		return 0, errNilProgram
	}
	if p, ok := prog.(interface{ Type() ebpf.ProgramType }); ok {
		return p.Type(), nil
	}
	return ebpf.UnspecifiedProgram, nil
}

// verdictOf returns the name of what a program returned, the number if it has
// none.
func verdictOf(res bpfx.Result) string {
	if res.Verdict != "" {
		return res.Verdict
	}
	return strconv.FormatUint(uint64(res.Return), 10)
}

// leavesPacket reports whether test runs of a type of program have a packet as
// output. Of types that aren't known that remains to be seen.
func leavesPacket(typ ebpf.ProgramType) bool {
	switch typ {
	case ebpf.FlowDissector, ebpf.Netfilter, ebpf.SkLookup, ebpf.RawTracepoint, ebpf.RawTracepointWritable, ebpf.Syscall, ebpf.Tracing:
		return false
	}
	return true
}

const linkHeader = ethernetLen // bytes before the network header

// packetLeft returns the packet that a program of a type left behind of in, nil
// if there is none.
//
// Some types never see the link layer. Of these the kernel takes it off before
// the run and puts zeros in its place after it (net/bpf/test_run.c, is_l2); the
// real one is put back here.
func packetLeft(typ ebpf.ProgramType, in []byte, res bpfx.Result) []byte {
	if !leavesPacket(typ) {
		return nil
	}
	switch typ {
	case ebpf.SocketFilter, ebpf.CGroupSKB, ebpf.LWTIn, ebpf.LWTOut, ebpf.LWTXmit, ebpf.LWTSeg6Local:
		if len(in) >= linkHeader && bytes.HasPrefix(res.Data, make([]byte, linkHeader)) {
			return append(bytes.Clone(in[:linkHeader]), res.Data[linkHeader:]...)
		}
	}
	return res.Data
}

// refused reports whether err says that the kernel doesn't run programs over
// such a packet, which is no fault of the program: it is too short or too long
// (the limits differ by kernel), or its EtherType announces a header that isn't
// whole.
func refused(err error) bool {
	for _, errno := range []error{syscall.EINVAL, syscall.EMSGSIZE, syscall.ENOMEM, syscall.E2BIG} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
