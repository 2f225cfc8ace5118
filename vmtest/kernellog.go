package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// complaintRE finds the lines in which a kernel says that something is wrong.
var complaintRE = regexp.MustCompile(`(?m)^.*\b(WARNING: (CPU|.* at )|BUG: |Oops: |general protection fault|INFO: task .* blocked|Kernel panic|Out of memory).*$`)

// kernelLineRE finds a line that a kernel wrote: with none, it didn't start.
var kernelLineRE = regexp.MustCompile(`(?m)^\[ *[0-9]+\.[0-9]+\]`)

// readLog returns the end of a log, at most 1 MB of it: a whole one of a boot is far smaller.
// An unreadable log is as good as an empty one.
func readLog(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	const most = 1 << 20
	if size := fileSize(path); size > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return ""
		}
	}
	text, _ := io.ReadAll(f) // what could be read
	return string(text)
}

// kernelComplaints returns the first few such lines of a kernel log.
func kernelComplaints(log string) []string {
	var out []string
	for _, line := range complaintRE.FindAllString(log, 5) {
		out = append(out, "the kernel says: "+strings.TrimSpace(line))
	}
	return out
}

// logExcerpt returns what matters of the log of a guest that died: 60 lines from the first
// complaint on, or its end.
func logExcerpt(log string) string {
	at := complaintRE.FindStringIndex(log)
	if at == nil {
		return lastLines(log, 30)
	}
	lines := strings.SplitN(log[at[0]:], "\n", 61)
	return lastLines(strings.Join(lines[:min(60, len(lines))], "\n"), 60)
}

// limitedFile is a file that takes no more than limit bytes and then pretends to.
type limitedFile struct {
	*os.File
	left int
}

func newLimitedFile(path string, limit int) (*limitedFile, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return &limitedFile{File: f, left: limit}, nil
}

func (f *limitedFile) Write(b []byte) (int, error) {
	n := min(len(b), f.left)
	f.left -= n
	if _, err := f.File.Write(b[:n]); err != nil {
		f.left = 0 // no room on the disk: the guest must not block on its console
	}
	return len(b), nil
}
