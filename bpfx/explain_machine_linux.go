package bpfx

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strings"
	"sync"

	"github.com/bpfx/go/internal/kconfig"
)

// machine is what can be read of a machine and its kernel. Tests make up
// their own.
type machine struct {
	root fs.FS // its root directory; paths in it go without the first slash

	once    sync.Once
	version string // what release returns
}

// thisMachine is the one that this process runs on.
var thisMachine = &machine{root: os.DirFS("/")}

// read returns the text of a file, and whether it could be read.
func (m *machine) read(path string) (string, bool) {
	b, err := fs.ReadFile(m.root, strings.TrimPrefix(path, "/"))
	return string(b), err == nil
}

// lines yields the lines of a file, which may be large; none if it can't be
// read.
func (m *machine) lines(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		f, err := m.root.Open(strings.TrimPrefix(path, "/"))
		if err != nil {
			return
		}
		defer f.Close() // only read from
		s := bufio.NewScanner(f)
		s.Buffer(make([]byte, 64<<10), 1<<20)
		s.Split(wholeLines)
		for s.Scan() {
			for line := range strings.Lines(s.Text()) {
				if !yield(line) {
					return
				}
			}
		}
	}
}

// wholeLines splits a file after the last line that is there.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	n := bytes.LastIndexByte(data, '\n') + 1
	if atEOF {
		n = len(data)
	}
	if n == 0 {
		return 0, nil, nil
	}
	return n, data[:n], nil
}

// exists reports whether a file is there and can be seen.
func (m *machine) exists(path string) bool {
	_, err := fs.Stat(m.root, strings.TrimPrefix(path, "/"))
	return err == nil
}

// release returns the kernel's release, such as "6.1.0-50-amd64".
func (m *machine) release() string {
	m.once.Do(func() {
		text, _ := m.read("/proc/sys/kernel/osrelease")
		m.version = strings.TrimSpace(text)
	})
	return m.version
}

// before reports whether the kernel is known to be older than version, such as
// "5.8".
func (m *machine) before(version string) bool {
	var major, minor, wantMajor, wantMinor int
	if _, err := fmt.Sscanf(version, "%d.%d", &wantMajor, &wantMinor); err != nil {
		return false
	}
	if _, err := fmt.Sscanf(m.release(), "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major < wantMajor || major == wantMajor && minor < wantMinor
}

// lacksOption returns the first of options that the kernel was built without,
// and the file that says so. It returns "" if there is none, or if the
// configuration can't be read.
func (m *machine) lacksOption(options []string) (option, where string) {
	if len(options) == 0 {
		return "", ""
	}
	config, where, err := kconfig.Read(m.root)
	if err != nil {
		return "", ""
	}
	for _, option := range options {
		if !config.Set(option) {
			return option, where
		}
	}
	return "", ""
}

// withoutOption is the cause of what a kernel can't do for want of an option.
func withoutOption(option, where string) *finding {
	return &finding{
		why:      "this kernel was built without " + option,
		evidence: []string{where + ": " + option + " is not set"},
		remedy:   "use a kernel that was built with " + option,
	}
}
