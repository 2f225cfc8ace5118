package structops

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
)

const (
	pairObject  = "testdata/pair_bpfel.o"
	plainObject = "testdata/plain_bpfel.o"
)

// programNames returns the programs of a spec, by member.
func programNames(s *Spec) map[string]string {
	names := make(map[string]string)
	for member, p := range s.Funcs {
		names[member] = p.Name
	}
	return names
}

// TestFromELF reads an object of two variables of one type, many times: each
// must get its own programs. cilium/ebpf gives them at random, and fills init
// of alpha from beta.
func TestFromELF(t *testing.T) {
	for range 100 {
		specs, err := FromELF(pairObject)
		if err != nil {
			t.Fatal(err)
		}
		if len(specs) != 2 {
			t.Fatalf("%d specs, want 2", len(specs))
		}
		alpha, beta := specs[0], specs[1]
		if diff := cmp.Diff(map[string]string{"ssthresh": "alpha_ssthresh", "cong_avoid": "both_cong_avoid", "undo_cwnd": "alpha_undo"}, programNames(alpha)); diff != "" {
			t.Fatal("alpha:", diff)
		}
		if diff := cmp.Diff(map[string]string{"ssthresh": "beta_ssthresh", "cong_avoid": "both_cong_avoid", "undo_cwnd": "beta_undo", "init": "beta_init"}, programNames(beta)); diff != "" {
			t.Fatal("beta:", diff)
		}
		if alpha.Variable != "alpha" || alpha.Name != "bpfx_pair" || len(alpha.Data) != 0 || len(alpha.Maps) != 0 || alpha.NoLink {
			t.Fatalf("alpha = %+v", alpha)
		}
		if beta.Variable != "beta" || !bytes.Equal(beta.Data["flags"].([]byte), []byte{1, 0, 0, 0}) {
			t.Fatalf("beta = %+v", beta)
		}
		if got := slices.Collect(maps.Keys(beta.Maps)); !slices.Equal(got, []string{".bss"}) || beta.Variables["inits"] == nil {
			t.Fatalf("beta has maps %v and variables %v", got, beta.Variables)
		}
	}
}

func TestFromELFPlain(t *testing.T) {
	specs, err := FromELF(plainObject)
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]*Spec)
	for _, s := range specs {
		byName[s.Variable] = s
	}
	plain, zero, warped := byName["plain"], byName["zero"], byName["warped"]
	if len(specs) != 5 || plain == nil || zero == nil || warped == nil {
		t.Fatalf("variables %v", slices.Sorted(maps.Keys(byName)))
	}
	if !plain.NoLink || plain.Name != "bpfx_plain" || zero.NoLink {
		t.Errorf("plain = %+v, zero = %+v", plain, zero)
	}
	if got := programNames(plain)["undo_cwnd"]; got != "beta_undo" {
		t.Errorf("a pointer to a static function leads to %q", got)
	}
	typ := fixture(t, "6.12", "tcp_congestion_ops")
	if err := Validate(zero, typ); err != nil {
		t.Errorf("members that the kernel lacks but are zero: %v", err)
	}
	err = Validate(warped, typ)
	if err == nil || !strings.Contains(err.Error(), "teleport") || !strings.Contains(err.Error(), "warp") {
		t.Errorf("members that the kernel lacks: %v, want both names", err)
	}
}

func TestFromCollectionSpec(t *testing.T) {
	coll, err := ebpf.LoadCollectionSpec(pairObject)
	if err != nil {
		t.Fatal(err)
	}
	_, err = FromCollectionSpec(coll)
	if err == nil || !strings.Contains(err.Error(), `"alpha" and "beta"`) {
		t.Errorf("two variables of a type: %v", err)
	}
	delete(coll.Maps, "beta")
	specs, err := FromCollectionSpec(coll)
	if err != nil {
		t.Fatal(err)
	}
	if len(specs) != 1 || specs[0].Name != "bpfx_pair" || specs[0].Variable != "alpha" || specs[0].NoLink {
		t.Errorf("specs = %+v", specs)
	}
	if _, err := FromCollectionSpec(nil); err == nil {
		t.Error("a nil spec is taken")
	}
	if _, err := FromCollectionSpec(&ebpf.CollectionSpec{}); err == nil {
		t.Error("a spec without struct_ops is taken")
	}
}

// TestFromELFDamaged cuts and changes an object: no panic, and an error or
// something whole.
func TestFromELFDamaged(t *testing.T) {
	object, err := os.ReadFile(plainObject)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(object); n += 37 {
		if specs, err := FromReader(bytes.NewReader(object[:n])); err == nil {
			t.Errorf("%d bytes of %d give %d specs", n, len(object), len(specs))
		}
	}
	for at := range object {
		if at%11 != 0 && at > 64 {
			continue
		}
		damaged := bytes.Clone(object)
		damaged[at] ^= 0xff
		specs, err := FromReader(bytes.NewReader(damaged)) // must not panic
		if err == nil && len(specs) == 0 {
			t.Errorf("byte %d changed: neither specs nor an error", at)
		}
	}
	if _, err := FromReader(nil); err == nil {
		t.Error("a nil reader is taken")
	}
	if _, err := FromELF("testdata/pair.c"); err == nil {
		t.Error("a C file is taken")
	}
}
