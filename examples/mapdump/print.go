package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	stditer "iter"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	bpfiter "github.com/bpfx/go/bpfx/iter"
)

// An object is a struct: a map of Go has no order.
type object []field

type field struct {
	name  string
	value any
}

// MarshalJSON keeps the order of the fields.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(f.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		b.Write(append(append(name, ':'), value...))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// text formats a value for people.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case object:
		var parts []string
		for _, f := range v {
			parts = append(parts, f.name+": "+text(f.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, text(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprint(v)
}

// An entry is one of a map, decoded. Its value is that of each CPU in turn if
// there are many.
type entry struct {
	key    any
	values []any
	perCPU bool
}

// object returns what JSON has of an entry.
func (e entry) object() object {
	if !e.perCPU {
		return object{{"key", e.key}, {"value", e.values[0]}}
	}
	list := make([]any, len(e.values))
	for cpu, v := range e.values {
		list[cpu] = object{{"cpu", cpu}, {"value", v}}
	}
	return object{{"key", e.key}, {"values", list}}
}

func (e entry) String() string {
	if !e.perCPU {
		return text(e.key) + ": " + text(e.values[0])
	}
	return text(e.key) + ": " + text(e.values)
}

// dump prints all entries of a map.
func dump(w io.Writer, m *ebpf.Map, asJSON bool) error {
	key, value, err := typesOf(m)
	if err != nil {
		return err
	}
	p := printer{m: m, key: key, value: value, json: asJSON, w: bufio.NewWriter(w)}
	switch m.Type() {
	case ebpf.PerCPUHash, ebpf.LRUCPUHash, ebpf.PerCPUArray, ebpf.PerCPUCGroupStorage:
		d, err := bpfiter.NewDump[bpfiter.Raw, []bpfiter.Raw](m, bpfiter.Fastest)
		if err != nil {
			return err
		}
		defer d.Close() // all was read from it
		return p.all(func(yield func(entry, error) bool) {
			for e, err := range d.All() {
				if !yield(p.entry(e.Key, e.Value, true), err) {
					return
				}
			}
		}, d.Used)
	}
	d, err := bpfiter.NewDump[bpfiter.Raw, bpfiter.Raw](m, bpfiter.Fastest)
	if err != nil {
		return err
	}
	defer d.Close() // all was read from it
	return p.all(func(yield func(entry, error) bool) {
		for e, err := range d.All() {
			if !yield(p.entry(e.Key, []bpfiter.Raw{e.Value}, false), err) {
				return
			}
		}
	}, d.Used)
}

type printer struct {
	m          *ebpf.Map
	key, value btf.Type
	json       bool
	w          *bufio.Writer
}

func (p *printer) entry(key bpfiter.Raw, values []bpfiter.Raw, perCPU bool) entry {
	e := entry{perCPU: perCPU}
	if index := p.m.Type() == ebpf.Array || p.m.Type() == ebpf.PerCPUArray; p.key == nil && index && len(key) == 4 {
		e.key = binary.NativeEndian.Uint32(key)
	} else {
		e.key = decode(p.key, key)
	}
	for _, v := range values {
		e.values = append(e.values, decode(p.value, v))
	}
	return e
}

// all prints entries: a list in JSON, or one a line and how many there were.
func (p *printer) all(entries stditer.Seq2[entry, error], used func() (bpfiter.Method, error)) error {
	n := 0
	between := "["
	for e, err := range entries {
		if err != nil {
			return err
		}
		n++
		if !p.json {
			fmt.Fprintln(p.w, e)
			continue
		}
		b, err := json.Marshal(e.object())
		if err != nil {
			return err
		}
		p.w.WriteString(between)
		p.w.Write(b)
		between = ",\n "
	}
	if p.json {
		if n == 0 {
			p.w.WriteString("[")
		}
		p.w.WriteString("]\n")
	} else {
		method, _ := used()
		fmt.Fprintf(p.w, "%d entries (%v)\n", n, method)
	}
	return p.w.Flush() // errors of the writes before too
}
