package bpfx

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	kbtf "github.com/bpfx/go/internal/btf"
)

// Load loads one program. opts may be nil. With a LogLevel, such as
// [ebpf.LogLevelInstruction], the verifier's log of a successful load is in the
// VerifierLog of the result.
//
// A program that needs the kernel's BTF uses a copy that all loads of the
// process share: see [ReleaseBTF]. On kernels before 5.11 the first Load lifts
// the process's RLIMIT_MEMLOCK.
//
// The Program must be closed. spec is not changed. Returns a [*LoadError]. It
// wraps [*ebpf.VerifierError], which has the whole log, if the verifier rejects
// the program, and [ebpf.ErrNotSupported] if the kernel lacks what it needs:
// whether it knows the type of program is found out after the load failed, by
// loading one that does nothing. [Explain] tells the cause.
func Load(spec *ebpf.ProgramSpec, opts *ebpf.ProgramOptions) (*Program, error) {
	if spec == nil {
		return nil, errors.New("load program: nil spec")
	}
	if opts == nil {
		opts = &ebpf.ProgramOptions{}
	}
	removeMemlock()
	p, err := loadProgram(spec, opts)
	if err != nil {
		return nil, loadError(spec, err)
	}
	return Wrap(p), nil
}

// loadProgram loads spec by itself if it needs no kernel BTF: that is the
// fastest way. cilium/ebpf takes a BTF cache for collections only, so the
// others are loaded as a collection of one.
func loadProgram(spec *ebpf.ProgramSpec, opts *ebpf.ProgramOptions) (*ebpf.Program, error) {
	if !needsBTF(spec) {
		return ebpf.NewProgramWithOptions(spec, *opts)
	}
	if name := unknownMap(spec); name != "" {
		return nil, fmt.Errorf("it uses map %q, which a program alone doesn't bring: load the whole collection: %w", name, asm.ErrUnsatisfiedMapReference)
	}
	const key = ""
	coll, err := newCollection(&ebpf.CollectionSpec{
		Programs: map[string]*ebpf.ProgramSpec{key: spec},
	}, ebpf.CollectionOptions{Programs: *opts})
	if err != nil {
		return nil, err
	}
	return coll.Programs[key], nil
}

// newCollection is ebpf.NewCollectionWithOptions with the process's BTF cache.
// If something isn't found and modules have come or gone since the cache was
// made, it tries again with a new one.
func newCollection(spec *ebpf.CollectionSpec, opts ebpf.CollectionOptions) (*ebpf.Collection, error) {
	if opts.Cache != nil {
		return ebpf.NewCollectionWithOptions(spec, opts)
	}
	opts.Cache = kbtf.Shared.Cache()
	if err := readBTF(spec, opts.Cache); err != nil {
		return nil, err
	}
	coll, err := ebpf.NewCollectionWithOptions(spec, opts)
	if isNotFound(err) && kbtf.Shared.Renew(opts.Cache) {
		opts.Cache = kbtf.Shared.Cache()
		coll, err = ebpf.NewCollectionWithOptions(spec, opts)
	}
	return coll, err
}

// readBTF reads the kernel's BTF if a program needs it: of what keeps
// cilium/ebpf from opening it, it says that the kernel lacks the program's
// target.
func readBTF(spec *ebpf.CollectionSpec, cache *btf.Cache) error {
	if !anyNeedsBTF(spec) {
		return nil
	}
	_, err := cache.Kernel()
	if !errors.Is(err, ebpf.ErrNotSupported) {
		return err
	}
	f, openErr := os.Open("/sys/kernel/btf/vmlinux")
	switch {
	case errors.Is(openErr, os.ErrNotExist):
		return nil // it may not be needed; cilium/ebpf knows other places, too
	case openErr != nil:
		return fmt.Errorf("read the kernel's BTF: %w", openErr)
	}
	f.Close() // nothing was read
	_, err = cache.Kernel()
	return err
}

func anyNeedsBTF(spec *ebpf.CollectionSpec) bool {
	for _, p := range spec.Programs {
		if p != nil && needsBTF(p) {
			return true
		}
	}
	return false
}

// isNotFound reports whether err may come of a type or function that the BTF
// cache doesn't have. cilium/ebpf gives ErrNotSupported for attach targets.
func isNotFound(err error) bool {
	return errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, btf.ErrNotFound) || errors.Is(err, os.ErrNotExist)
}

// ReleaseBTF drops the decoded copy of the kernel's BTF, some 4 MB and more,
// that loads share. The next load that needs it decodes it again, which takes
// some 40 ms.
func ReleaseBTF() { kbtf.Shared.Release() }

// needsBTF reports whether loading spec looks anything up in the kernel's BTF:
// its attach target, a CO-RE (Compile Once, Run Everywhere) relocation, or a
// kernel function that it calls.
func needsBTF(spec *ebpf.ProgramSpec) bool {
	switch spec.Type {
	case ebpf.Tracing, ebpf.LSM, ebpf.StructOps:
		if spec.AttachTo != "" && spec.AttachTarget == nil {
			return true
		}
	}
	for i := range spec.Instructions {
		ins := &spec.Instructions[i]
		if ins.IsKfuncCall() || btf.CORERelocationMetadata(ins) != nil {
			return true
		}
	}
	return false
}

// unknownMap returns the name of a map that spec refers to by name only.
func unknownMap(spec *ebpf.ProgramSpec) string {
	for i := range spec.Instructions {
		ins := &spec.Instructions[i]
		if ins.IsLoadFromMap() && ins.Reference() != "" && ins.Map() == nil && int32(ins.Constant) <= 0 {
			return ins.Reference()
		}
	}
	return ""
}
