package btf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// header is struct btf_header (include/uapi/linux/btf.h).
type header struct {
	Magic   uint16
	Version uint8
	Flags   uint8
	HdrLen  uint32
	TypeOff uint32
	TypeLen uint32
	StrOff  uint32
	StrLen  uint32
}

// Names returns the names in raw BTF that start with prefix, sorted. They may
// be of types, functions, members or anything else: a name is only a
// candidate. It looks at the strings alone, so it takes a hundredth of the time
// of decoding the types.
func Names(raw []byte, prefix string) ([]string, error) {
	_, table, err := sections(raw)
	if err != nil {
		return nil, err
	}
	var names []string
	for start := []byte("\x00" + prefix); ; {
		i := bytes.Index(table, start)
		if i < 0 {
			break
		}
		table = table[i+1:]
		end := bytes.IndexByte(table, 0)
		if end < 0 {
			return nil, errors.New("BTF strings are cut short")
		}
		names = append(names, string(table[:end]))
		table = table[end:] // from the 0 on: the next name may follow
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// sections returns the types and the strings of raw BTF.
func sections(raw []byte) (types, strs []byte, err error) {
	var h header
	if err := binary.Read(bytes.NewReader(raw), binary.NativeEndian, &h); err != nil {
		return nil, nil, fmt.Errorf("read BTF header: %w", err)
	}
	part := func(off, size uint32) []byte {
		from := uint64(h.HdrLen) + uint64(off)
		if to := from + uint64(size); to <= uint64(len(raw)) {
			return raw[from:to]
		}
		return nil
	}
	types, strs = part(h.TypeOff, h.TypeLen), part(h.StrOff, h.StrLen)
	if h.Magic != 0xeb9f || types == nil || strs == nil {
		return nil, nil, errors.New("not BTF of this machine, or cut short")
	}
	return types, strs, nil
}
