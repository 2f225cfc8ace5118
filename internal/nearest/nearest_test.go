package nearest

import (
	"slices"
	"testing"
)

func TestSearch(t *testing.T) {
	for _, tt := range []struct {
		want string
		from []string
		near []string
	}{
		{"sstresh", []string{"ssthresh", "init", "release"}, []string{"ssthresh"}},
		{"tcp_conect", []string{"tcp_close", "tcp_connect", "tcp_connect.cold"}, []string{"tcp_connect"}},
		{"tcp_connect", []string{"tcp_connect.cold", "tcp_connect.isra.0"}, []string{"tcp_connect.isra.0", "tcp_connect.cold"}},
		{"aaaa", []string{"aaab", "aaac", "aaad", "aaae"}, []string{"aaab", "aaac", "aaad"}},
		{"", []string{"a", "bb"}, []string{"a"}},
		{"x", nil, nil},
	} {
		s := New(tt.want)
		for _, name := range tt.from {
			s.Add(name, name)
		}
		if got := s.Names(); !slices.Equal(got, tt.near) {
			t.Errorf("nearest to %q of %v = %v, want %v", tt.want, tt.from, got, tt.near)
		}
	}
}

func TestList(t *testing.T) {
	if got := List(nil); got != "" {
		t.Errorf("List(nil) = %q", got)
	}
	if got, want := List([]string{"a", "b"}), " (nearest: a, b)"; got != want {
		t.Errorf("List() = %q, want %q", got, want)
	}
}
