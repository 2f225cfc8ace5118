package nearest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNearest(t *testing.T) {
	all := []string{"tcp_v4_connect", "tcp_v6_connect", "tcp_connect", "split.isra.0", "split.cold", "split_x", "a", "b", "ab"}
	for _, tt := range []struct {
		want  string
		names []string
	}{
		{"tcp_v4_conect", []string{"tcp_v4_connect"}},
		{"tcp_v_connect", []string{"tcp_v4_connect", "tcp_v6_connect"}},
		{"tcp_conect", []string{"tcp_connect"}},
		{"tcp_v4_connectx", []string{"tcp_v4_connect"}},
		{"split", []string{"split.isra.0", "split.cold"}},
		{"splix", nil},
		{"quux", nil},
		{"", []string{"a", "b"}},
	} {
		n := New(tt.want)
		for _, name := range append(all, all...) {
			n.Add(name, name)
		}
		if got := n.Names(); !cmp.Equal(got, tt.names) {
			t.Errorf("nearest to %q: %q, want %q", tt.want, got, tt.names)
		}
	}
}

// TestDistance compares the bounded distance with the plain one.
func TestDistance(t *testing.T) {
	words := []string{"", "a", "ab", "ba", "abc", "connect", "conect", "ocnnect", "connect2", "connxxt", "xxxxxxx"}
	for _, a := range words {
		for _, b := range words {
			n := New(a)
			want, got := plainDistance(a, b), n.distance(b)
			if want <= n.limit && got != want || want > n.limit && got <= n.limit {
				t.Errorf("distance of %q and %q = %d, want %d (limit %d)", a, b, got, want, n.limit)
			}
		}
	}
}

func plainDistance(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	d := plainDistance(a[1:], b[1:])
	if a[0] == b[0] {
		return d
	}
	return 1 + min(d, plainDistance(a[1:], b), plainDistance(a, b[1:]))
}
