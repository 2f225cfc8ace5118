package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRunItem runs the guest's part on the host: it is an ordinary program there.
// Only what hangs has a limit that comes: on a busy machine a shell may take a
// second to say a word.
func TestRunItem(t *testing.T) {
	const never = 10 * time.Minute
	tests := []struct {
		name, script, out string
		limit             time.Duration
		exit              int
		why               string
	}{
		{"fine", "echo out; echo err >&2", "out\nerr\n", never, 0, ""},
		{"exit code", "exit 7", "", never, 7, ""},
		{"signal", "echo before; kill -SEGV $$", "before\n", never, 139, "killed by signal 11"},
		{"hangs", "exec sleep 100", "", time.Second, 131, "ran longer than 1s"},
		{"floods", "exec yes", "y\n", never, 137, "wrote more than 1 MB"},
		{"leaves a child", "sleep 100 & echo out", "out\n", never, 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "0.out")
			item := Item{Args: []string{"sh", "-c", test.script}, Limit: test.limit, MaxOutput: 1 << 20}
			exit, why := runItem(item, file)
			if exit != test.exit || !strings.HasPrefix(why, test.why) || (why == "") != (test.why == "") {
				t.Errorf("runItem = %d, %q; want %d, %q", exit, why, test.exit, test.why)
			}
			out, err := os.ReadFile(file)
			if err != nil || !strings.HasPrefix(string(out), test.out) {
				t.Errorf("output %.20q, %v; want %q", out, err, test.out)
			}
		})
	}
}

func TestRunItemErrors(t *testing.T) {
	if exit, why := runItem(Item{Args: []string{"/nope"}}, filepath.Join(t.TempDir(), "0.out")); exit != 127 || why == "" {
		t.Errorf("runItem of nothing = %d, %q", exit, why)
	}
	if exit, why := runItem(Item{Args: []string{"true"}}, "/nope/0.out"); exit != 126 || why == "" {
		t.Errorf("runItem without an output file = %d, %q", exit, why)
	}
}
