package iter

import (
	"bytes"
	"io"
	stditer "iter"
)

// Lines reads a session as lines of text, without their ends. Each loop is a
// session. An error comes last, after a line that it may have cut short, and
// with an empty line. Leaving the loop ends the session.
func (it *Iterator) Lines() stditer.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		err := it.read(func(s *session) (left bool, err error) {
			return splitLines(s, func(line string) bool { return yield(line, nil) })
		})
		if err != nil {
			yield("", err)
		}
	}
}

// splitLines calls fn with each line until it returns false, and reports whether
// it did. Lines may be of any length.
func splitLines(src *session, fn func(string) bool) (left bool, err error) {
	var start []byte // of a line whose end wasn't read yet
	buf := make([]byte, chunk)
	for {
		n, err := src.read(buf)
		if err != nil {
			if len(start) > 0 && !fn(string(start)) {
				return true, nil
			}
			if err == io.EOF { //nolint:errorlint // as read returns it
				err = nil
			}
			return false, err
		}
		for b := buf[:n]; len(b) > 0; {
			line, rest, found := bytes.Cut(b, []byte("\n"))
			b = rest
			if !found {
				start = append(start, line...)
				break
			}
			if len(start) > 0 {
				line = append(start, line...)
				start = start[:0]
			}
			if !fn(string(line)) {
				return true, nil
			}
		}
	}
}
