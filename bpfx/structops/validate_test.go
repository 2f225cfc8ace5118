package structops

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// series are the kernels whose BTF is in testdata.
var series = []string{"5.10", "6.1", "6.12", "6.18", "7.3"}

// fixture returns a type of a kernel series, from testdata.
func fixture(tb testing.TB, kernel, name string) *Type {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", kernel+".btf"))
	if err != nil {
		tb.Fatal(err)
	}
	types, err := ParseTypes(data, kernel)
	if err != nil {
		tb.Fatal(err)
	}
	t := find(types, name)
	if t == nil {
		tb.Fatalf("no %s in the BTF of %s", name, kernel)
	}
	return t
}

// findings returns what Validate finds.
func findings(tb testing.TB, s *Spec, t *Type) []Finding {
	tb.Helper()
	err := Validate(s, t)
	if err == nil {
		return nil
	}
	var e *ValidationError
	if !errors.As(err, &e) {
		tb.Fatal(err)
	}
	return e.Findings
}

// TestValidateChanges breaks a congestion control in each single way and wants
// that finding and no other, on every kernel series.
func TestValidateChanges(t *testing.T) {
	for _, kernel := range series {
		typ := fixture(t, kernel, "tcp_congestion_ops")
		for _, c := range changes() {
			t.Run(kernel+"/"+c.name, func(t *testing.T) {
				s := minimal("bpfx_valid")
				c.do(s)
				got := findings(t, s, typ)
				want := c.breaks(kernel)
				if want == "" && len(got) > 0 {
					t.Errorf("findings = %v, want none", got)
				}
				if want != "" && (len(got) != 1 || got[0].Rule != want) {
					t.Errorf("findings = %v, want one, of rule %q", got, want)
				}
			})
		}
	}
}
