package bpfx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// FromBytecode returns a spec of the given type and raw instructions, as the
// kernel takes them: 8 bytes each, in the byte order of this machine. The spec
// has no name and the licence GPL.
//
// Returns an error if code is empty, is not a whole number of instructions, or
// doesn't decode.
func FromBytecode(typ ebpf.ProgramType, code []byte) (*ebpf.ProgramSpec, error) {
	switch {
	case typ == ebpf.UnspecifiedProgram:
		return nil, errors.New("bytecode: unspecified program type")
	case len(code) == 0:
		return nil, errors.New("bytecode: no instructions")
	case len(code)%asm.InstructionSize != 0:
		return nil, fmt.Errorf("bytecode: %d bytes are not a whole number of %d-byte instructions", len(code), asm.InstructionSize)
	}
	insns, err := asm.AppendInstructions(nil, bytes.NewReader(code), nativeOrder(), "linux")
	if err != nil {
		return nil, fmt.Errorf("bytecode: decode instruction %d: %w", len(insns), err)
	}
	return &ebpf.ProgramSpec{Type: typ, Instructions: insns, License: "GPL"}, nil
}

// nativeOrder returns the byte order of this machine. cilium/ebpf does not
// know [binary.NativeEndian].
func nativeOrder() binary.ByteOrder {
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		return binary.BigEndian
	}
	return binary.LittleEndian
}
