package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/cilium/ebpf"
)

// open finds a map by its id, its name or the path of a pin.
func open(arg string) (*ebpf.Map, error) {
	readOnly := &ebpf.LoadPinOptions{ReadOnly: true}
	if strings.Contains(arg, "/") {
		return ebpf.LoadPinnedMap(arg, readOnly)
	}
	if id, err := strconv.ParseUint(arg, 10, 32); err == nil {
		m, err := ebpf.NewMapFromID(ebpf.MapID(id))
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("there is no map with id %d: %w", id, err)
		}
		return m, err
	}
	var found []row
	rows, err := maps()
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if r.Name == arg || len(arg) > maxName && r.Name == arg[:maxName] {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("there is no map named %q: %w", arg, os.ErrNotExist)
	case 1:
		return ebpf.NewMapFromID(found[0].ID)
	}
	var ids []string
	for _, r := range found {
		ids = append(ids, strconv.FormatUint(uint64(r.ID), 10))
	}
	return nil, fmt.Errorf("there are %d maps named %q: give one of the ids %s", len(found), arg, strings.Join(ids, ", "))
}

// maxName is how long a name is that the kernel keeps.
const maxName = 15

// A row is a map of the machine.
type row struct {
	ID         ebpf.MapID `json:"id"`
	Name       string     `json:"name"`
	Type       string     `json:"type"`
	KeySize    uint32     `json:"bytes_key"`
	ValueSize  uint32     `json:"bytes_value"`
	MaxEntries uint32     `json:"max_entries"`
}

// maps returns all maps of the machine.
func maps() ([]row, error) {
	var rows []row
	for id := ebpf.MapID(0); ; {
		next, err := ebpf.MapGetNextID(id)
		if errors.Is(err, os.ErrNotExist) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list maps: %w", err)
		}
		id = next
		m, err := ebpf.NewMapFromID(id)
		if errors.Is(err, os.ErrNotExist) {
			continue // it is gone already
		}
		if err != nil {
			return nil, fmt.Errorf("open map %d: %w", id, err)
		}
		info, err := m.Info()
		m.Close()
		if err != nil {
			return nil, fmt.Errorf("info of map %d: %w", id, err)
		}
		rows = append(rows, row{id, info.Name, info.Type.String(), info.KeySize, info.ValueSize, info.MaxEntries})
	}
}

// list prints all maps.
func list(w io.Writer, asJSON bool) error {
	rows, err := maps()
	if err != nil {
		return err
	}
	if asJSON {
		if rows == nil {
			rows = []row{}
		}
		return json.NewEncoder(w).Encode(rows)
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "ID\tNAME\tTYPE\tKEY\tVALUE\tMAX ENTRIES")
	for _, r := range rows {
		fmt.Fprintf(tab, "%d\t%s\t%s\t%d\t%d\t%d\n", r.ID, r.Name, r.Type, r.KeySize, r.ValueSize, r.MaxEntries)
	}
	return tab.Flush()
}
