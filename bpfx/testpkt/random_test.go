package testpkt_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/internal/pktgen"
)

func newRand(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestLaws checks with random packets that what is built decodes to the same
// layers, which build the same packet.
func TestLaws(t *testing.T) {
	r := newRand(t)
	for range 200 {
		layers := pktgen.Stack(r)
		pkt, err := testpkt.Build(layers...)
		if err != nil {
			t.Fatalf("Build(%+v) = %v", layers, err)
		}
		want, err := testpkt.Filled(layers...)
		if err != nil {
			t.Fatalf("Filled(%+v) = %v", layers, err)
		}
		got, err := testpkt.Decode(pkt)
		if err != nil {
			t.Fatalf("Decode(Build(%+v)) = %v", layers, err)
		}
		if d := cmp.Diff(want, got, sameLayers); d != "" {
			t.Fatalf("Decode(Build(%+v)) isn't Filled (-want +got):\n%s", layers, d)
		}
		again, err := testpkt.Build(got...)
		if err != nil {
			t.Fatalf("Build(Decode(%x)) = %v", pkt, err)
		}
		if d := diff(pkt, again); d != "" {
			t.Fatalf("Build(Decode(pkt)) differs %s", d)
		}
	}
}
