package bpfx

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
)

// probeHook returns the hook of a probe, of the kernel or of a user program.
// What is attached in all of these ways is of one type, so the section name
// alone tells them apart.
func probeHook(spec *ebpf.ProgramSpec) (Hook, error) {
	kind := strings.TrimSuffix(sectionKind(spec), ".s") // sleepable
	switch kind {
	case "usdt":
		return nil, errors.New("static user probes aren't found by name here (a Uprobe with Address and RefCtrOffset attaches to one)")
	case "uprobe.session":
		return nil, errors.New("there is no hook for uprobe.session programs yet; uprobe.multi and uretprobe.multi have hooks")
	case "kprobe", "kretprobe", "ksyscall", "kretsyscall":
		return kprobeHook(spec, kind)
	case "kprobe.multi", "kretprobe.multi", "kprobe.session":
		return kprobeMultiHook(spec, kind)
	case "uprobe", "uretprobe", "uprobe.multi", "uretprobe.multi":
		return uprobeHook(spec, kind)
	}
	return nil, errors.New("no section name says what kind of probe it is (kprobe/FUNCTION, uretprobe/FILE:FUNCTION ...)")
}

func kprobeHook(spec *ebpf.ProgramSpec, kind string) (Hook, error) {
	if spec.AttachTo == "" {
		return nil, errNoTarget(spec, "FUNCTION")
	}
	symbol, offset, err := cutOffset(spec.AttachTo)
	switch {
	case err != nil:
		return nil, err
	case offset != 0 && kind != "kprobe":
		return nil, fmt.Errorf("%s takes no offset, the section has %#x", kind, offset)
	}
	switch kind {
	case "kretprobe":
		return Kretprobe{Symbol: symbol}, nil
	case "ksyscall": // Kprobe adds the prefix of this architecture
		return Kprobe{Symbol: "sys_" + symbol}, nil
	case "kretsyscall":
		return Kretprobe{Symbol: "sys_" + symbol}, nil
	}
	return Kprobe{Symbol: symbol, Offset: offset}, nil
}

func kprobeMultiHook(spec *ebpf.ProgramSpec, kind string) (Hook, error) {
	if spec.AttachTo == "" {
		return nil, errNoTarget(spec, "FUNCTIONS")
	}
	var h KprobeMulti
	h.Symbols, h.Pattern = symbolsOrPattern(spec.AttachTo)
	switch kind {
	case "kretprobe.multi":
		return KretprobeMulti(h), nil
	case "kprobe.session":
		return KprobeSession(h), nil
	}
	return h, nil
}

// uprobeHook reads PATH:FUNCTION, with an offset unless it is for returns or
// for many functions.
func uprobeHook(spec *ebpf.ProgramSpec, kind string) (Hook, error) {
	path, symbol, _ := strings.Cut(spec.AttachTo, ":")
	if path == "" || symbol == "" {
		return nil, errNoTarget(spec, "FILE:FUNCTION")
	}
	switch kind {
	case "uprobe.multi", "uretprobe.multi":
		h := UprobeMulti{Path: path}
		h.Symbols, h.Pattern = symbolsOrPattern(symbol)
		if kind == "uretprobe.multi" {
			return UretprobeMulti(h), nil
		}
		return h, nil
	}
	symbol, offset, err := cutOffset(symbol)
	switch {
	case err != nil:
		return nil, err
	case kind == "uprobe":
		return Uprobe{Path: path, Symbol: symbol, Offset: offset}, nil
	case offset != 0:
		return nil, fmt.Errorf("%s takes no offset, the section has %#x", kind, offset)
	}
	return Uretprobe{Path: path, Symbol: symbol}, nil
}

// cutOffset splits FUNCTION+OFFSET. The offset is in bytes, decimal or with 0x
// before it.
func cutOffset(s string) (symbol string, offset uint64, err error) {
	i := strings.LastIndexByte(s, '+')
	if i < 0 {
		return s, 0, nil
	}
	offset, err = strconv.ParseUint(s[i+1:], 0, 64)
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("offset %q of %q is not a number of bytes: %w", s[i+1:], s[:i], errors.Unwrap(err))
	case i == 0:
		return "", 0, fmt.Errorf("no function before offset %q", s)
	}
	return s[:i], offset, nil
}

// symbolsOrPattern returns s as a symbol, or as a pattern if it is one.
func symbolsOrPattern(s string) (symbols []string, pattern string) {
	if strings.ContainsAny(s, "*?[") {
		return nil, s
	}
	return []string{s}, ""
}
