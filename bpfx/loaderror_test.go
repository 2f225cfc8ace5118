package bpfx

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

var errRejected = errors.New("permission denied")

func TestLoadErrorText(t *testing.T) {
	classic := []string{"0: R1=ctx() R10=fp0", "0: (95) exit", "R0 !read_ok", "processed 1 insns (limit 1000000)"}
	report := append(classic[:3:3], "", "Verification failed: Register Type Safety: Unreadable register", "",
		"Suggestion:", "  Initialize R0 on every path before this instruction.", "", "processed 1 insns (limit 1000000)")
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"plain", errRejected, `load program "x": permission denied`},
		{"memlock", fmt.Errorf("map create: %w%s", errRejected, memlockHint), `load program "x": map create: permission denied`},
		{"collection of one", fmt.Errorf("program : load program: %w", errRejected), `load program "x": permission denied`},
		{"classic log", &ebpf.VerifierError{Cause: errRejected, Log: classic}, "R0 !read_ok"},
		{"log with a report", &ebpf.VerifierError{Cause: errRejected, Log: report}, `load program "x": the verifier rejects it: R0 !read_ok (at 0: exit): permission denied`},
		{"report alone", &ebpf.VerifierError{Cause: errRejected, Log: report[4:]}, "the verifier rejects it: Register Type Safety: Unreadable register"},
		{"no log", &ebpf.VerifierError{Cause: errRejected}, "permission denied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := loadError(&ebpf.ProgramSpec{Name: "x", Type: ebpf.XDP}, tt.err)
			if !strings.Contains(err.Error(), tt.want) || !errors.Is(err, errRejected) {
				t.Errorf("error = %q, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "MEMLOCK") {
				t.Errorf("error %q speaks of MEMLOCK", err)
			}
		})
	}
	for _, tt := range []struct {
		err  LoadError
		want string
	}{
		{LoadError{Type: ebpf.XDP}, "load XDP program: permission denied"},
		{LoadError{}, `load program "": permission denied`},
		{LoadError{Type: ebpf.XDP, Collection: true}, "load collection: XDP program: permission denied"},
		{LoadError{Collection: true}, "load collection: permission denied"},
	} {
		tt.err.Err = errRejected
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("error = %q, want %q", got, tt.want)
		}
	}
}
