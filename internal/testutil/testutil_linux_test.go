package testutil_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m) }

func TestCgroup(t *testing.T) {
	var dir string
	t.Run("made", func(t *testing.T) {
		dir = testutil.Cgroup(t)
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err != nil {
			t.Error(err)
		}
	})
	if _, err := os.Stat(dir); dir != "" && !os.IsNotExist(err) {
		t.Errorf("Stat(%s) after the test = %v, want that it is gone", dir, err)
	}
}

func TestBPFFS(t *testing.T) {
	var dir string
	t.Run("mounted", func(t *testing.T) {
		dir = testutil.BPFFS(t)
		var fs unix.Statfs_t
		if err := unix.Statfs(dir, &fs); err != nil || fs.Type != unix.BPF_FS_MAGIC {
			t.Errorf("%s is a filesystem of type %#x (%v), want bpf", dir, fs.Type, err)
		}
	})
	if _, err := os.Stat(dir); dir != "" && !os.IsNotExist(err) {
		t.Errorf("Stat(%s) after the test = %v, want that it is gone", dir, err)
	}
}

// TestLeak runs tests that leave something behind, each in a process of its
// own, and wants them to fail.
func TestLeak(t *testing.T) {
	testutil.NeedRoot(t)
	if os.Getenv("BPFX_TEST_LEAK") != "" {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		leaked = f
		testutil.Patience = 100 * time.Millisecond // nothing will close it
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestLeak$")
	cmd.Env = append(os.Environ(), "BPFX_TEST_LEAK=1", "BPFX_TEST_LOCK="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "left behind by the tests") || !strings.Contains(string(out), os.DevNull) {
		t.Errorf("a test that left a file open: %v\n%s", err, out)
	}
}

var leaked *os.File
