package bpfx_test

import (
	"os"
	"testing"

	"github.com/bpfx/go/internal/testutil"
)

func TestMain(m *testing.M) {
	if os.Getenv(callerEnv) != "" {
		callerMain()
	}
	testutil.Main(m)
}
