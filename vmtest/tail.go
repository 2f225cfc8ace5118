package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
)

// tail reads what was added to a file since it was last asked. The file need not exist yet.
type tail struct {
	path   string
	offset int64
	part   []byte // the start of a line that isn't whole yet
}

// Lines returns the whole lines that were added, without their newlines.
func (t *tail) Lines() [][]byte {
	f, err := os.Open(t.path)
	if err != nil {
		return nil // not there yet
	}
	defer f.Close()
	if _, err := f.Seek(t.offset, io.SeekStart); err != nil {
		return nil
	}
	more, err := io.ReadAll(io.LimitReader(f, 16<<20))
	if err != nil {
		return nil // the next call reads it again
	}
	t.offset += int64(len(more))
	text := append(t.part, more...)
	end := bytes.LastIndexByte(text, '\n')
	t.part = bytes.Clone(text[end+1:])
	if end < 0 {
		return nil
	}
	return bytes.Split(text[:end], []byte("\n"))
}

// Rest returns the last line if it has no newline.
func (t *tail) Rest() [][]byte {
	if len(t.part) == 0 {
		return nil
	}
	part := t.part
	t.part = nil
	return [][]byte{part}
}

// readEvents returns the guest's new reports. A line that a dying guest garbled is left out.
func readEvents(t *tail) []Event {
	var events []Event
	for _, line := range t.Lines() {
		var e Event
		if err := json.Unmarshal(line, &e); err == nil {
			events = append(events, e)
		}
	}
	return events
}

// fileSize returns the size of a file in bytes, 0 if there is none.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
