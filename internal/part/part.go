// Package part takes out of an object file what some of its programs need.
package part

import "github.com/cilium/ebpf"

// AddMap adds a map of whole to part, and the maps that it holds. Names of maps
// that aren't there, and of those that are added already, are fine.
func AddMap(part, whole *ebpf.CollectionSpec, name string) {
	m := whole.Maps[name]
	if m == nil || part.Maps[name] != nil {
		return
	}
	part.Maps[name] = m
	for _, kv := range m.Contents {
		if inner, ok := kv.Value.(string); ok {
			AddMap(part, whole, inner)
		}
	}
}

// AddMapsOf adds the maps of whole that a program refers to.
func AddMapsOf(part, whole *ebpf.CollectionSpec, program *ebpf.ProgramSpec) {
	for i := range program.Instructions {
		if ins := &program.Instructions[i]; ins.IsLoadFromMap() {
			AddMap(part, whole, ins.Reference())
		}
	}
}

// AddVariables adds the global variables of whole that are in part's maps.
func AddVariables(part, whole *ebpf.CollectionSpec) {
	for name, v := range whole.Variables {
		if part.Maps[v.SectionName] != nil {
			part.Variables[name] = v
		}
	}
}
