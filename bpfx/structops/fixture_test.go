package structops

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	kbtf "github.com/bpfx/go/internal/btf"
)

// kernelBTF is a directory with the BTF of kernels, named as 6.12.btf. With it
// TestFixtures makes testdata anew.
const kernelBTF = "BPFX_KERNEL_BTF"

// TestFixtures compares testdata with the BTF of the kernels that it was made
// of, if that is at hand, and makes it first.
func TestFixtures(t *testing.T) {
	dir := os.Getenv(kernelBTF)
	if dir == "" {
		for _, kernel := range series {
			fixture(t, kernel, "tcp_congestion_ops")
		}
		return
	}
	for _, kernel := range series {
		data, err := os.ReadFile(filepath.Join(dir, kernel+".btf"))
		if err != nil {
			t.Fatal(err)
		}
		small := reduce(t, data)
		if err := os.WriteFile(filepath.Join("testdata", kernel+".btf"), small, 0o644); err != nil {
			t.Fatal(err)
		}
		want, err := ParseTypes(data, kernel)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseTypes(small, kernel)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, sameType...); diff != "" {
			t.Errorf("%s: the reduced BTF differs:\n%s", kernel, diff)
		}
	}
}

// sameType compares all of types but the ids of their BTF.
var sameType = cmp.Options{cmp.AllowUnexported(Type{}, Member{}), cmpopts.IgnoreFields(Type{}, "valueID")}

// reduce returns BTF that has the struct_ops types of a kernel and no more: the
// structs that pointers point to are declared only.
func reduce(tb testing.TB, data []byte) []byte {
	tb.Helper()
	spec, err := btf.LoadSpecFromReader(strings.NewReader(string(data)))
	if err != nil {
		tb.Fatal(err)
	}
	names, err := kbtf.Names(data, valuePrefix)
	if err != nil {
		tb.Fatal(err)
	}
	var keep []btf.Type
	for _, name := range names {
		var value *btf.Struct
		if spec.TypeByName(name, &value) != nil || len(value.Members) < 2 || len(value.Members) > 3 {
			continue
		}
		inner, ok := value.Members[len(value.Members)-1].Type.(*btf.Struct)
		if !ok || inner.Name != strings.TrimPrefix(name, valuePrefix) {
			continue
		}
		keep = append(keep, btf.Copy(value))
		for _, m := range inner.Members {
			var stub *btf.Func
			if spec.TypeByName(inner.Name+"__"+m.Name, &stub) == nil {
				keep = append(keep, btf.Copy(stub))
			}
		}
	}
	seen := make(map[btf.Type]bool)
	for _, t := range keep {
		declareTargets(t, seen)
	}
	b, err := btf.NewBuilder(keep, nil)
	if err != nil {
		tb.Fatal(err)
	}
	raw, err := b.Marshal(nil, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// declareTargets replaces the structs that pointers point to by declarations.
func declareTargets(t btf.Type, seen map[btf.Type]bool) {
	if t == nil || seen[t] {
		return
	}
	seen[t] = true
	short := func(t btf.Type) btf.Type {
		switch t := t.(type) {
		case *btf.Struct:
			return &btf.Fwd{Name: t.Name, Kind: btf.FwdStruct}
		case *btf.Union:
			return &btf.Fwd{Name: t.Name, Kind: btf.FwdUnion}
		}
		return t
	}
	switch t := t.(type) {
	case *btf.Pointer:
		t.Target = short(t.Target)
		declareTargets(t.Target, seen)
	case *btf.Const:
		t.Type = short(t.Type)
		declareTargets(t.Type, seen)
	case *btf.Volatile:
		declareTargets(t.Type, seen)
	case *btf.Typedef:
		declareTargets(t.Type, seen)
	case *btf.Array:
		declareTargets(t.Type, seen)
	case *btf.Func:
		declareTargets(t.Type, seen)
	case *btf.FuncProto:
		declareTargets(t.Return, seen)
		for _, p := range t.Params {
			declareTargets(p.Type, seen)
		}
	case *btf.Struct:
		for _, m := range t.Members {
			declareTargets(m.Type, seen)
		}
	case *btf.Union:
		for _, m := range t.Members {
			declareTargets(m.Type, seen)
		}
	}
}
