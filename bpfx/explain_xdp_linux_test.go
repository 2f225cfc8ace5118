package bpfx

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// TestNestedXDP reads attributes as kernels write them, and damaged ones.
func TestNestedXDP(t *testing.T) {
	ne := binary.NativeEndian
	attr := func(typ, size uint16, value uint32) []byte {
		b := ne.AppendUint16(nil, size)
		b = ne.AppendUint16(b, typ)
		return ne.AppendUint32(b, value)
	}
	attached := attr(unix.IFLA_XDP_ATTACHED, 5, 2)
	for _, tt := range []struct {
		name string
		b    []byte
		id   ebpf.ProgramID
		mode string
	}{
		{"generic", slices.Concat(attached, attr(unix.IFLA_XDP_SKB_PROG_ID, 8, 7), attr(unix.IFLA_XDP_PROG_ID, 8, 7)), 7, "xdpgeneric"},
		{"driver", slices.Concat(attached, attr(unix.IFLA_XDP_DRV_PROG_ID, 8, 7), attr(unix.IFLA_XDP_PROG_ID, 8, 7)), 7, "xdpdrv"},
		{"before 4.19", slices.Concat(attached, attr(unix.IFLA_XDP_PROG_ID, 8, 7)), 7, "xdp"},
		{"none", attached, 0, ""},
		{"short", attr(unix.IFLA_XDP_PROG_ID, 6, 7), 0, ""},
		{"too long", attr(unix.IFLA_XDP_PROG_ID, 9, 7), 0, ""},
		{"no size", attr(unix.IFLA_XDP_PROG_ID, 0, 7), 0, ""},
		{"nothing", nil, 0, ""},
	} {
		if id, mode := nestedXDP(tt.b); id != tt.id || mode != tt.mode {
			t.Errorf("%s: nestedXDP() = %d, %q; want %d, %q", tt.name, id, mode, tt.id, tt.mode)
		}
	}
}
