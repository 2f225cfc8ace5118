package bpfx

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/internal/part"
)

// LoadELF loads one program of an object file, with the maps and global
// variables that it uses; other programs and maps of the file are left out.
// program is the name of its function or, if no function has that name, the
// name of its section; "" will do if the file has one program only.
//
// The Program owns the maps: see [Program.Maps]. It must be closed.
//
// Returns an error that lists the programs of the file if none or several fit.
// A program that uses a program array is refused, since the kernel empties the
// array when its last descriptor is closed: FromCollectionSpec of package
// tailcall makes a chain of the file. Other errors are as those of [Load].
func LoadELF(path, program string) (*Program, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load object: %w", err)
	}
	defer f.Close() // only read from
	return loadELF(f, path, program)
}

// LoadELFReader is [LoadELF] for an object that is in memory, or embedded.
func LoadELFReader(r io.ReaderAt, program string) (*Program, error) {
	return loadELF(r, "in memory", program)
}

func loadELF(r io.ReaderAt, object, program string) (*Program, error) {
	spec, err := ebpf.LoadCollectionSpecFromReader(r)
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", object, err)
	}
	name, err := pickProgram(spec, program)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", object, err)
	}
	need := usedBy(spec, name)
	for _, m := range slices.Sorted(maps.Keys(need.Maps)) {
		if need.Maps[m].Type == ebpf.ProgramArray {
			return nil, fmt.Errorf("object %s: program %q makes tail calls through %q: make a chain of the file with package tailcall, or load all of it with LoadCollection", object, name, m)
		}
	}
	c, err := LoadCollection(need, nil)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", object, err)
	}
	p := c.Programs[name]
	p.Maps, p.Variables = c.Maps, c.Variables
	return p, nil
}

// pickProgram returns the name of the one program that want means.
func pickProgram(spec *ebpf.CollectionSpec, want string) (string, error) {
	if len(spec.Programs) == 0 {
		return "", errors.New("it has no programs")
	}
	if _, ok := spec.Programs[want]; ok {
		return want, nil
	}
	var fit []string
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		if want == "" || spec.Programs[name].SectionName == want {
			fit = append(fit, name)
		}
	}
	switch len(fit) {
	case 1:
		return fit[0], nil
	case 0:
		return "", fmt.Errorf("no program or section %q; it has %s", want, programList(spec, slices.Sorted(maps.Keys(spec.Programs))))
	}
	if want == "" {
		return "", fmt.Errorf("several programs, name one of %s", programList(spec, fit))
	}
	return "", fmt.Errorf("section %q has several programs, name one of %s", want, programList(spec, fit))
}

// programList returns names with the section of each.
func programList(spec *ebpf.CollectionSpec, names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = fmt.Sprintf("%s (%s)", name, spec.Programs[name].SectionName)
	}
	return strings.Join(list, ", ")
}

// usedBy returns the part of spec that program name needs: itself, the maps it
// refers to, the maps that those hold, and the variables in them.
func usedBy(spec *ebpf.CollectionSpec, name string) *ebpf.CollectionSpec {
	need := &ebpf.CollectionSpec{
		Programs:  map[string]*ebpf.ProgramSpec{name: spec.Programs[name]},
		Maps:      make(map[string]*ebpf.MapSpec),
		Variables: make(map[string]*ebpf.VariableSpec),
		Types:     spec.Types,
		ByteOrder: spec.ByteOrder,
	}
	part.AddMapsOf(need, spec, spec.Programs[name])
	part.AddVariables(need, spec)
	return need
}
