package iter

import (
	"runtime"
	"sync"
	"weak"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
)

// loaded is what the spec of a program tells. The kernel doesn't tell it of a
// program that is loaded.
type loaded struct {
	target    string
	sleepable bool
	size      int // of a record, in bytes; 0 if that isn't known
}

// specs has what is known of programs that LoadSpec loaded, as long as they are
// referred to: map[weak.Pointer[bpfx.Program]]*loaded.
var specs sync.Map

func remember(p *bpfx.Program, spec *ebpf.ProgramSpec) {
	key := weak.Make(p)
	const sleepable = 1 << 4 // BPF_F_SLEEPABLE
	specs.Store(key, &loaded{spec.AttachTo, spec.Flags&sleepable != 0, recordSize(spec.Instructions)})
	runtime.AddCleanup(p, func(key weak.Pointer[bpfx.Program]) { specs.Delete(key) }, key)
}

// recall returns what is known of p: nothing if LoadSpec didn't load it.
func recall(p *bpfx.Program) *loaded {
	if p == nil {
		return &unknown
	}
	if v, ok := specs.Load(weak.Make(p)); ok {
		return v.(*loaded)
	}
	return &unknown
}

var unknown loaded
