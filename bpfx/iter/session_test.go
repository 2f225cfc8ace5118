package iter

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A step is what one read of a fake returns: bytes or an error.
type step struct {
	data string
	err  error
}

// fake is a file that returns its steps in turn, and io.EOF after them.
type fake struct {
	steps  []step
	closed int
	close  error
}

func (f *fake) Read(b []byte) (int, error) {
	if len(f.steps) == 0 {
		return 0, io.EOF
	}
	s := f.steps[0]
	if n := copy(b, s.data); n < len(s.data) {
		f.steps[0].data = s.data[n:]
		return n, nil
	}
	f.steps = f.steps[1:]
	return len(s.data), s.err
}

func (f *fake) Close() error { f.closed++; return f.close }

// cut returns steps of the bytes of data, n at a time.
func cut(data string, n int) (steps []step) {
	for len(data) > n {
		steps = append(steps, step{data: data[:n]})
		data = data[n:]
	}
	return append(steps, step{data: data})
}

// split returns the records of a session, and the error at its end.
func split(s *session, size int) (records []string, err error) {
	sp := newSplitter(s, size)
	defer sp.release()
	for {
		block, err := sp.next()
		if len(block)%size != 0 {
			return records, fmt.Errorf("block of %d bytes", len(block))
		}
		for ; len(block) > 0; block = block[size:] {
			records = append(records, string(block[:size]))
		}
		if err == io.EOF { //nolint:errorlint // never wrapped
			return records, nil
		}
		if err != nil {
			return records, err
		}
	}
}

func TestSplitter(t *testing.T) {
	errOther := errors.New("other")
	for _, tt := range []struct {
		name  string
		steps []step
		want  []string
		err   error
		text  string // in the error
	}{
		{"empty", nil, nil, nil, ""},
		{"one read", []step{{data: "aaaabbbb"}}, []string{"aaaa", "bbbb"}, nil, ""},
		{"a byte at a time", cut("aaaabbbb", 1), []string{"aaaa", "bbbb"}, nil, ""},
		{"three bytes at a time", cut("aaaabbbbcccc", 3), []string{"aaaa", "bbbb", "cccc"}, nil, ""},
		{"end with an error", []step{{"aaaa", io.EOF}}, []string{"aaaa"}, nil, ""},
		{"nothing and no error", []step{{data: "aa"}, {}, {data: "aa"}}, []string{"aaaa"}, nil, ""},
		{"silence", []step{{err: syscall.EAGAIN}, {data: "aaaa"}, {err: syscall.EAGAIN}, {err: syscall.EAGAIN}, {data: "bbbb"}}, []string{"aaaa", "bbbb"}, nil, ""},
		{"silence inside a record", []step{{data: "aa"}, {err: syscall.EAGAIN}, {data: "aa"}}, []string{"aaaa"}, nil, ""},
		{"signals", []step{{err: syscall.EINTR}, {data: "a"}, {err: &os.PathError{Op: "read", Err: syscall.EINTR}}, {data: "aaa"}}, []string{"aaaa"}, nil, ""},
		{"a byte over", []step{{data: "aaaab"}}, []string{"aaaa"}, io.ErrUnexpectedEOF, "inside a record of 4 bytes, 1 bytes are over"},
		{"three bytes over, torn", cut("aaaabbbbccc", 1), []string{"aaaa", "bbbb"}, io.ErrUnexpectedEOF, "3 bytes are over"},
		{"only a part", []step{{data: "aa"}}, nil, io.ErrUnexpectedEOF, "2 bytes are over"},
		{"error", []step{{data: "aaaabb"}, {err: errOther}}, []string{"aaaa"}, errOther, "read iterator: other"},
		{"too big", []step{{err: syscall.E2BIG}}, nil, syscall.E2BIG, "more for one object than"},
		{"cgroups", []step{{data: "aaaa"}, {err: syscall.EOPNOTSUPP}}, []string{"aaaa"}, syscall.EOPNOTSUPP, "start further down"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := split(&session{src: &fake{steps: tt.steps}}, 4)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			if !errors.Is(err, tt.err) || tt.text != "" && (err == nil || !strings.Contains(err.Error(), tt.text)) {
				t.Errorf("error = %v, want %v with %q", err, tt.err, tt.text)
			}
		})
	}
}

// TestSplitterRandom cuts records of all sizes at random, some longer than the
// kernel's buffer.
func TestSplitterRandom(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		size := 1 + rnd.IntN(300)
		if rnd.IntN(20) == 0 {
			size = chunk - 2 + rnd.IntN(5)
		}
		data := make([]byte, size*rnd.IntN(40)+rnd.IntN(size))
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		steps := []step{}
		for rest := string(data); rest != ""; {
			n := min(len(rest), 1+rnd.IntN(chunk+10))
			if rnd.IntN(3) > 0 {
				n = min(n, 1+rnd.IntN(2*size))
			}
			steps = append(steps, step{data: rest[:n]})
			rest = rest[n:]
		}
		got, err := split(&session{src: &fake{steps: steps}}, size)
		whole := len(data) / size
		if len(got) != whole || strings.Join(got, "") != string(data[:whole*size]) {
			t.Fatalf("seed %d: size %d: %d records of %d bytes, want %d", seed, size, len(got), len(data), whole)
		}
		if torn := len(data)%size != 0; errors.Is(err, io.ErrUnexpectedEOF) != torn || !torn && err != nil {
			t.Fatalf("seed %d: size %d: error = %v, %d bytes are over", seed, size, err, len(data)%size)
		}
	}
}

func TestDecoderEach(t *testing.T) {
	type plain struct {
		A uint64
		B uint32
		C [4]byte
	}
	type flagged struct {
		A uint32
		B bool
	}
	var data []byte
	for i := range 3 {
		data = binary.NativeEndian.AppendUint64(data, uint64(i))
		data = binary.NativeEndian.AppendUint32(data, uint32(i+10))
		data = append(data, "abc\x00"...)
	}
	if diff := cmp.Diff([]plain{{0, 10, [4]byte{'a', 'b', 'c'}}, {1, 11, [4]byte{'a', 'b', 'c'}}, {2, 12, [4]byte{'a', 'b', 'c'}}}, eachOf[plain](t, data)); diff != "" {
		t.Errorf("plain (-want +got):\n%s", diff)
	}
	data = nil
	for i := range 3 {
		data = binary.NativeEndian.AppendUint32(data, uint32(i))
		data = append(data, byte(i), 0xff, 0xff, 0xff) // B is 2 at the end; and padding
	}
	if diff := cmp.Diff([]flagged{{0, false}, {1, true}, {2, true}}, eachOf[flagged](t, data)); diff != "" {
		t.Errorf("with bool (-want +got):\n%s", diff)
	}
}

// eachOf returns the values in a block, after it made sure that a loop can be left.
func eachOf[T any](t *testing.T, block []byte) (values []T) {
	d, err := decoderOf[T]()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if d.each(block, func(T, error) bool { n++; return n < 2 }) || n != 2 {
		t.Errorf("each went on after it was left: %d values", n)
	}
	if !d.each(block, func(v T, err error) bool { values = append(values, v); return err == nil }) {
		t.Error("each says that it was left")
	}
	return values
}

func TestSplitLines(t *testing.T) {
	long := strings.Repeat("long", chunk)
	for _, tt := range []struct {
		name string
		data string
		want []string
	}{
		{"empty", "", nil},
		{"lines", "a\nbc\n", []string{"a", "bc"}},
		{"empty lines", "\n\na\n\n", []string{"", "", "a", ""}},
		{"no end", "a\nb", []string{"a", "b"}},
		{"long", "a\n" + long + "\nb\n", []string{"a", long, "b"}},
	} {
		for _, n := range []int{1, 2, 3, 5, 1 << 20} {
			var got []string
			left, err := splitLines(&session{src: &fake{steps: cut(tt.data, n)}}, func(s string) bool { got = append(got, s); return true })
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil || left {
				t.Errorf("%s, %d bytes at a time: %v, %v (-want +got):\n%s", tt.name, n, left, err, diff)
			}
		}
	}
	var got []string
	errEnd := errors.New("end")
	left, err := splitLines(&session{src: &fake{steps: []step{{data: "a\nb"}, {err: errEnd}}}}, func(s string) bool { got = append(got, s); return true })
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" || !errors.Is(err, errEnd) || left {
		t.Errorf("with an error: %v, %v (-want +got):\n%s", left, err, diff)
	}
	for _, stop := range []int{1, 2} {
		n := 0
		left, err = splitLines(&session{src: &fake{steps: cut("a\nb", 1)}}, func(string) bool { n++; return n < stop })
		if !left || err != nil || n != stop {
			t.Errorf("left at %d: %v, %v after %d lines", stop, left, err, n)
		}
	}
}

func TestReader(t *testing.T) {
	data := strings.Repeat("0123456789abcdef", chunk/8) // two chunks
	for _, n := range []int{1, 7, chunk - 1, chunk, 3 * chunk} {
		f := &fake{steps: append(cut(data, chunk), step{err: syscall.EAGAIN}, step{data: "end"})}
		r := &reader{session: session{src: f}}
		var got bytes.Buffer
		if _, err := io.CopyBuffer(&got, struct{ io.Reader }{r}, make([]byte, n)); err != nil || got.String() != data+"end" {
			t.Errorf("%d bytes at a time: %v, %d bytes, want %d", n, err, got.Len(), len(data)+3)
		}
		if n, err := r.Read(nil); n != 0 || err != nil {
			t.Errorf("Read(nil) = %d, %v", n, err)
		}
		for range 2 {
			if err := r.Close(); err != nil || f.closed != 1 {
				t.Errorf("Close() = %v, closed %d times", err, f.closed)
			}
		}
		if _, err := r.Read(make([]byte, n)); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Read after Close = %v", err)
		}
	}
}

// TestSilenceEnds has a program that writes nothing for ever.
func TestSilenceEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	n := 0
	s := &session{src: silent(func() {
		if n++; n == 1000 {
			cancel(why)
		}
	}), ctx: ctx}
	if _, err := s.all(); !errors.Is(err, why) || n != 1000 {
		t.Errorf("all() = %v after %d reads, want the context's cause after 1000", err, n)
	}
}

// TestSilenceForEver has nobody who ends it.
func TestSilenceForEver(t *testing.T) {
	n := 0
	s := &session{src: silent(func() { n++ })}
	if _, err := s.all(); !errors.Is(err, syscall.EAGAIN) || !strings.Contains(err.Error(), "returned 1 for the same object 10000 times") || n != patience+1 {
		t.Errorf("all() = %v after %d reads", err, n)
	}
}

type silent func()

func (s silent) Read([]byte) (int, error) { s(); return 0, syscall.EAGAIN }
func (silent) Close() error               { return nil }
