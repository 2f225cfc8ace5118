package tailcall

import (
	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
)

// LoadUnchecked is Load without Check: tests show with it what the kernel does
// with chains that Check refuses.
func LoadUnchecked(s *Spec) (*Chain, error) { return newModel(s).load() }

// PutAll is the part of Swap that can only fail if Check misses something.
func (c *Chain) PutAll(programs ...*bpfx.Program) error {
	specs, loaded := make(map[uint32]*ebpf.ProgramSpec), make(map[*ebpf.ProgramSpec]*bpfx.Program)
	for i, p := range programs {
		specs[uint32(i)] = new(ebpf.ProgramSpec)
		loaded[specs[uint32(i)]] = p
	}
	_, err := c.putAll(specs, loaded)
	return err
}
