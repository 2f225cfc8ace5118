package bpfx

import (
	"encoding/binary"
	"reflect"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	kbtf "github.com/bpfx/go/internal/btf"
)

// TestContextLayout compares the structs of contexts with those of the kernel.
func TestContextLayout(t *testing.T) {
	kernel, err := kbtf.Shared.Cache().Kernel()
	if err != nil {
		t.Skip("skipping: needs the kernel's BTF (CONFIG_DEBUG_INFO_BTF):", err)
	}
	for _, tt := range []struct {
		name string
		ours any
	}{
		{"xdp_md", XDPContext{}},
		{"__sk_buff", SKBContext{}},
		{"bpf_sk_lookup", SKLookupContext{}},
		{"bpf_flow_keys", FlowKeys{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var theirs *btf.Struct
			if err := kernel.TypeByName(tt.name, &theirs); err != nil {
				t.Fatal(err)
			}
			fields := make(map[string]field)
			end := flatten(t, fields, theirs.Members, 0)
			at := 0
			for i := range reflect.TypeOf(tt.ours).NumField() {
				f := reflect.TypeOf(tt.ours).Field(i)
				size := binary.Size(reflect.Zero(f.Type).Interface())
				if f.Name != "_" {
					name := strings.ToLower(f.Name)
					got, ok := fields[name]
					if want := (field{at, size}); got != want && (ok || at < end) {
						t.Errorf("%s: %+v, the kernel has %+v", f.Name, want, got)
					}
					delete(fields, name)
				}
				at += size
			}
			for name, f := range fields {
				if name != "sk" || tt.name != "bpf_sk_lookup" { // shares its place with Cookie
					t.Errorf("the kernel's %s (%+v) is missing", name, f)
				}
			}
		})
	}
}

// field is where a field is, in bytes.
type field struct{ at, size int }

// flatten adds the fields of a struct or union, by their names without
// underscores, and returns where the last one ends. The addresses of
// bpf_flow_keys become one field.
func flatten(t *testing.T, fields map[string]field, members []btf.Member, base int) (end int) {
	for _, m := range members {
		at := base + int(m.Offset.Bytes())
		if m.Name == "" {
			switch typ := m.Type.(type) {
			case *btf.Struct:
				end = max(end, flatten(t, fields, typ.Members, at))
			case *btf.Union:
				end = max(end, flatten(t, fields, typ.Members, at))
			}
			continue // or padding
		}
		size, err := btf.Sizeof(m.Type)
		if err != nil {
			t.Fatal(err)
		}
		end = max(end, at+size)
		name := strings.ReplaceAll(m.Name, "_", "")
		if ip, _, ok := strings.Cut(name, "src"); ok && strings.HasPrefix(ip, "ip") {
			name, size = "addrs", max(fields["addrs"].size, 2*size)
		} else if strings.HasPrefix(name, "ipv") {
			continue // the destinations
		}
		if name == "remoteport" && at == 36 {
			size = 2 // bpf_sk_lookup has it in 32 bits before Linux 5.18, the upper ones 0
		}
		fields[name] = field{at, size}
	}
	return end
}
