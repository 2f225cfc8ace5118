package tailcall

import (
	"math"
	"math/bits"

	"github.com/cilium/ebpf/asm"
)

// A value is what is known of a register. The zero value says nothing.
type value struct {
	kind   kind
	lo, hi uint64 // as kind says
}

type kind uint8

const (
	anything kind = iota
	number        // between lo and hi, both included
	mapRef        // the map with the number lo in program.refs
	frame         // a pointer into the stack, int64(lo) from its top
)

func constant(n uint64) value      { return value{number, n, n} }
func between(lo, hi uint64) value  { return value{number, lo, hi} }
func (v value) isConstant() bool   { return v.kind == number && v.lo == v.hi }
func (v value) fits(n uint64) bool { return v.kind == number && v.hi <= n }

// bounds returns the least and the greatest number that v can be. A pointer
// can be any.
func (v value) bounds() (lo, hi uint64) {
	if v.kind == number {
		return v.lo, v.hi
	}
	return 0, math.MaxUint64
}

// join returns what is known if either of two is.
func (v value) join(w value) value {
	switch {
	case v == w:
		return v
	case v.kind == number && w.kind == number:
		return between(min(v.lo, w.lo), max(v.hi, w.hi))
	}
	return value{}
}

// low32 returns what is known of the lower half.
func (v value) low32() value {
	switch {
	case v.fits(math.MaxUint32):
		return v
	case v.isConstant():
		return constant(v.lo & math.MaxUint32)
	}
	return between(0, math.MaxUint32)
}

// calculate returns the result of an ALU instruction whose operands are a and
// b, of 64 bits.
func calculate(op asm.ALUOp, a, b value, width uint) value {
	if op == asm.Mov {
		return b
	}
	if a.kind == frame && b.isConstant() {
		switch op {
		case asm.Add:
			return value{frame, a.lo + b.lo, 0}
		case asm.Sub:
			return value{frame, a.lo - b.lo, 0}
		}
	}
	if a.isConstant() && b.isConstant() {
		if n, ok := fold(op, a.lo, b.lo, width); ok {
			return constant(n)
		}
	}
	alo, ahi := a.bounds()
	blo, bhi := b.bounds()
	switch op {
	case asm.Add:
		if sum, carry := bits.Add64(ahi, bhi, 0); carry == 0 {
			return between(alo+blo, sum)
		}
	case asm.Sub:
		if alo >= bhi {
			return between(alo-bhi, ahi-blo)
		}
	case asm.Mul:
		if over, product := bits.Mul64(ahi, bhi); over == 0 {
			return between(alo*blo, product)
		}
	case asm.And:
		return between(0, min(ahi, bhi))
	case asm.Or:
		return between(max(alo, blo), 1<<bits.Len64(ahi|bhi)-1)
	}
	if b.isConstant() {
		return byConstant(op, alo, ahi, b.lo, width)
	}
	return value{}
}

// fold calculates with constants.
func fold(op asm.ALUOp, a, b uint64, width uint) (n uint64, ok bool) {
	switch op {
	case asm.Add:
		return a + b, true
	case asm.Sub:
		return a - b, true
	case asm.Mul:
		return a * b, true
	case asm.And:
		return a & b, true
	case asm.Or:
		return a | b, true
	case asm.Xor:
		return a ^ b, true
	case asm.LSh:
		return a << (b & uint64(width-1)), true
	case asm.RSh:
		return a >> (b & uint64(width-1)), true
	}
	return 0, false
}

// byConstant calculates with a number between lo and hi, and c.
func byConstant(op asm.ALUOp, lo, hi, c uint64, width uint) value {
	shift := c & uint64(width-1)
	switch {
	case op == asm.LSh && bits.Len64(hi)+int(shift) <= 64:
		return between(lo<<shift, hi<<shift)
	case op == asm.RSh:
		return between(lo>>shift, hi>>shift)
	case op == asm.Div && c > 0:
		return between(lo/c, hi/c)
	case op == asm.Mod && c > 0:
		return between(0, min(hi, c-1))
	}
	return value{}
}

// branch returns what is known of v where a jump that compares it with c is
// taken, and where it is not. It returns false for one that can't be.
func branch(op asm.JumpOp, v value, c uint64) (taken, not value, canTake, canNot bool) {
	if v.kind == mapRef || v.kind == frame {
		return v, v, true, true
	}
	lo, hi := v.bounds()
	switch op {
	case asm.JEq, asm.JNE:
		in := c >= lo && c <= hi
		rest := value{}
		switch {
		case lo == c && hi > lo:
			rest = between(lo+1, hi)
		case hi == c && hi > lo:
			rest = between(lo, hi-1)
		default:
			rest = between(lo, hi)
		}
		if taken, not, canTake, canNot = constant(c), rest, in, lo != c || hi != c; op == asm.JNE {
			taken, not, canTake, canNot = not, taken, canNot, canTake
		}
	case asm.JGT, asm.JLE:
		// c+1 may be 0; then nothing is greater.
		taken, canTake = between(max(lo, c+1), hi), hi > c
		not, canNot = between(lo, min(hi, c)), lo <= c
		if op == asm.JLE {
			taken, not, canTake, canNot = not, taken, canNot, canTake
		}
	case asm.JGE, asm.JLT:
		taken, canTake = between(max(lo, c), hi), hi >= c
		not, canNot = between(lo, min(hi, c-1)), lo < c
		if op == asm.JLT {
			taken, not, canTake, canNot = not, taken, canNot, canTake
		}
	default:
		return v, v, true, true
	}
	return taken, not, canTake, canNot
}
