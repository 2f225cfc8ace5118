package testpkt

import (
	"fmt"
	"math"
	"strconv"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/nearest"
)

// isNumber reports whether a verdict is a number, in decimal.
func isNumber(verdict string) bool {
	_, err := parseReturn(verdict)
	return err == nil
}

// parseReturn parses what a program returned, with or without sign.
func parseReturn(s string) (uint32, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, err
	}
	if n < math.MinInt32 || n > math.MaxUint32 {
		return 0, strconv.ErrRange
	}
	return uint32(n), nil
}

// hasVerdicts reports whether what programs of a type return has names.
func hasVerdicts(typ ebpf.ProgramType) bool { return bpfx.Verdict(typ, 0) != "" }

// checkVerdict returns an error unless programs of a type can return a verdict.
func checkVerdict(typ ebpf.ProgramType, verdict string) error {
	switch {
	case verdict == "":
		return fmt.Errorf("none is given, want one")
	case isNumber(verdict) || typ == ebpf.UnspecifiedProgram:
		return nil
	case !hasVerdicts(typ):
		return fmt.Errorf("%q: what %v programs return has no names, give a number", verdict, typ)
	}
	search := nearest.New(verdict)
	for ret := range uint32(256) {
		search.Add(bpfx.Verdict(typ, ret), bpfx.Verdict(typ, ret))
		if bpfx.Verdict(typ, ret) == verdict {
			return nil
		}
	}
	if bpfx.Verdict(typ, math.MaxUint32) == verdict {
		return nil
	}
	return fmt.Errorf("%q is none of %v programs%s", verdict, typ, nearest.List(search.Names()))
}

// sameVerdict reports whether a program returned a verdict.
func sameVerdict(want string, res bpfx.Result) bool {
	if n, err := parseReturn(want); err == nil {
		return n == res.Return
	}
	return want == res.Verdict
}
