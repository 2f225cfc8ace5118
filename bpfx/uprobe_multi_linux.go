package bpfx

import (
	"debug/elf"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Attach attaches p, which must be of type [ebpf.Kprobe] and loaded for
// uprobe.multi. See [Attach].
func (h UprobeMulti) Attach(p *ebpf.Program) (*Attachment, error) {
	return h.attach(p, (*link.Executable).UprobeMulti)
}

// Attach attaches p, which must be of type [ebpf.Kprobe] and loaded for
// uprobe.multi. See [Attach].
func (h UretprobeMulti) Attach(p *ebpf.Program) (*Attachment, error) {
	return UprobeMulti(h).attach(p, (*link.Executable).UretprobeMulti)
}

type uprobeMultiFunc func(*link.Executable, []string, *ebpf.Program, *link.UprobeMultiOptions) (link.Link, error)

func (h UprobeMulti) attach(p *ebpf.Program, probe uprobeMultiFunc) (*Attachment, error) {
	if err := checkProgram(p, ebpf.Kprobe); err != nil {
		return nil, err
	}
	if h.PID < 0 {
		return nil, fmt.Errorf("PID %d is negative; 0 means all processes", h.PID)
	}
	symbols, err := h.symbols()
	if err != nil {
		return nil, err
	}
	exe, err := link.OpenExecutable(h.Path)
	if err != nil {
		return nil, err
	}
	l, err := probe(exe, symbols, p, &link.UprobeMultiOptions{
		Addresses: h.Addresses,
		Offsets:   h.Offsets,
		Cookies:   h.Cookies,
		PID:       uint32(h.PID),
	})
	return newAttachment(l, h.failed(err))
}

// failed returns err of attaching with its cause. It wraps ErrNotSupported if
// the kernel can't attach to many functions.
func (h UprobeMulti) failed(err error) error {
	if errors.Is(err, unix.EINVAL) {
		// cilium/ebpf doesn't ask here whether the kernel knows these at all.
		if missing := features.HaveBPFLinkUprobeMulti(); missing != nil {
			return missing
		}
	}
	if errors.Is(err, link.ErrNoSymbol) {
		return later(err, func() *finding {
			for _, symbol := range h.Symbols {
				if f := noSymbol(h.Path, symbol); f != nil {
					return f
				}
			}
			return nil
		})
	}
	return Uprobe{Path: h.Path, PID: h.PID}.failed(err)
}

// symbols returns the functions of its file that h names, none if it gives
// Addresses.
func (h UprobeMulti) symbols() ([]string, error) {
	if err := checkFile(h.Path); err != nil {
		return nil, err
	}
	if len(h.Addresses) == 0 {
		all := func() ([]string, error) { return elfFunctions(h.Path) }
		if n := len(h.Offsets); n > 0 && n != len(h.Symbols) {
			return nil, fmt.Errorf("%d Offsets for %d Symbols: give one for each", n, len(h.Symbols))
		}
		return multiSymbols(h.Pattern, h.Symbols, h.Cookies, all)
	}
	n := len(h.Addresses)
	switch {
	case h.Pattern != "" || len(h.Symbols) > 0:
		return nil, errors.New("two lists of functions: set Symbols, Addresses or Pattern")
	case n > maxMulti:
		return nil, fmt.Errorf("%d functions: the kernel takes %d at a time", n, maxMulti)
	case len(h.Offsets) > 0 && len(h.Offsets) != n, len(h.Cookies) > 0 && len(h.Cookies) != n:
		return nil, fmt.Errorf("%d Offsets and %d Cookies for %d Addresses: give one for each or none", len(h.Offsets), len(h.Cookies), n)
	}
	return nil, nil
}

// elfFunctions returns the functions in the symbol tables of an ELF file.
func elfFunctions(path string) ([]string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the symbols of %s: %w", path, err)
	}
	defer f.Close() // only read from
	var names []string
	for _, table := range []func() ([]elf.Symbol, error){f.Symbols, f.DynamicSymbols} {
		symbols, err := table()
		if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
			return nil, fmt.Errorf("read the symbols of %s: %w", path, err)
		}
		for _, s := range symbols {
			if elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Value != 0 {
				names = append(names, s.Name)
			}
		}
	}
	return names, nil
}
