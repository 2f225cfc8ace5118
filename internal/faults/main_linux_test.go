//go:build amd64 || arm64

package faults

import (
	"os"
	"testing"

	"github.com/bpfx/go/internal/testutil"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		childMain(text)
	}
	testutil.Main(m)
}
