package iter

import (
	"testing"

	"github.com/bpfx/go/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m) }
