package structops

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// fieldIn follows a path into a struct or union.
func fieldIn(t btf.Type, path string) (FieldInfo, error) {
	offset := 0
	for {
		name, rest, more := strings.Cut(path, ".")
		m, at, ok := memberIn(t, name, 0)
		if !ok {
			return FieldInfo{}, fmt.Errorf("there is no %q%s", name, nearField(compositeMembers(t), name))
		}
		if m.BitfieldSize > 0 {
			return FieldInfo{}, fmt.Errorf("%q is a bit field", name)
		}
		offset += at
		if !more {
			size, err := btf.Sizeof(m.Type)
			return FieldInfo{Offset: offset, Size: size, Type: m.Type}, err
		}
		t, path = m.Type, rest
	}
}

// maxAnonymous is how deep anonymous members may lie.
const maxAnonymous = 16

// memberIn finds a member by name, also in anonymous members, and its offset
// in bytes.
func memberIn(t btf.Type, name string, depth int) (btf.Member, int, bool) {
	if name == "" || depth > maxAnonymous {
		return btf.Member{}, 0, false
	}
	for _, m := range compositeMembers(t) {
		at := int(m.Offset.Bytes())
		if m.Name == name {
			return m, at, true
		}
		if m.Name == "" {
			if in, off, ok := memberIn(m.Type, name, depth+1); ok {
				return in, at + off, true
			}
		}
	}
	return btf.Member{}, 0, false
}

// compositeMembers returns the members of a struct or union, nil of others.
func compositeMembers(t btf.Type) []btf.Member {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		return t.Members
	case *btf.Union:
		return t.Members
	}
	return nil
}
