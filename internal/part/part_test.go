package part

import (
	"maps"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"
)

// TestAdd takes out what a program needs: the map that it names, the one that
// is in that, which holds the first again, and the variables in them.
func TestAdd(t *testing.T) {
	whole := &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{
			"outer":  {Contents: []ebpf.MapKV{{Key: uint32(0), Value: "inner"}, {Key: uint32(1), Value: uint32(7)}}},
			"inner":  {Contents: []ebpf.MapKV{{Key: uint32(0), Value: "outer"}, {Key: uint32(1), Value: "nowhere"}}},
			"unused": {},
		},
		Variables: map[string]*ebpf.VariableSpec{"a": {SectionName: "inner"}, "b": {SectionName: "unused"}},
	}
	program := &ebpf.ProgramSpec{Instructions: asm.Instructions{
		asm.LoadMapPtr(asm.R1, 0).WithReference("outer"),
		asm.LoadMapPtr(asm.R1, 0).WithReference("absent"),
		asm.Call.Label("unused"),
		asm.Return(),
	}}
	part := &ebpf.CollectionSpec{Maps: make(map[string]*ebpf.MapSpec), Variables: make(map[string]*ebpf.VariableSpec)}
	AddMapsOf(part, whole, program)
	AddVariables(part, whole)
	if diff := cmp.Diff([]string{"inner", "outer"}, slices.Sorted(maps.Keys(part.Maps))); diff != "" {
		t.Errorf("maps (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a"}, slices.Sorted(maps.Keys(part.Variables))); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}
