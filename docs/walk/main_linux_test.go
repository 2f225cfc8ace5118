package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/testutil"
)

func TestMain(m *testing.M) {
	testutil.Main(m)
}

func TestTasks(t *testing.T) {
	testutil.NeedRoot(t)
	var out strings.Builder
	if err := tasks(&out); err != nil {
		t.Fatal(err)
	}
	var threads, kernel int
	if _, err := fmt.Sscanf(out.String(), "%d threads, %d of them the kernel's own\n", &threads, &kernel); err != nil || threads <= kernel {
		t.Errorf("tasks() prints %q (%v)", &out, err)
	}
}

func TestEntries(t *testing.T) {
	testutil.NeedRoot(t)
	var out strings.Builder
	if err := entries(&out); err != nil {
		t.Fatal(err)
	}
	if want := "1000 packets, 64000 bytes\n"; out.String() != want {
		t.Errorf("entries() prints %q, want %q", &out, want)
	}
}

// TestFiles looks for a file that it has opened and read a part of.
func TestFiles(t *testing.T) {
	testutil.NeedRoot(t)
	f, err := os.Open("main.go")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.ReadFull(f, make([]byte, 42)); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err = files(&out)
	testutil.SkipIfNotSupported(t, err, "iterators of one process", "6.1")
	if err != nil {
		t.Fatal(err)
	}
	var stat unix.Stat_t // the umask of who has cloned it counts
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("file %d: mode %o, at byte 42\n", f.Fd(), stat.Mode); !strings.Contains(out.String(), want) {
		t.Errorf("files() prints\n%s, want among it %q", &out, want)
	}
}
