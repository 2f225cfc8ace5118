package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// progress prints what the VMs are doing: a line when something changes and one every 10 s.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	begin time.Time
	now   func() time.Time
	last  map[string]progressLine
}

type progressLine struct {
	what string
	at   time.Time
}

const progressEvery = 10 * time.Second

func newProgress(out io.Writer) *progress {
	return &progress{out: out, begin: time.Now(), now: time.Now, last: map[string]progressLine{}}
}

// Show prints a kernel's state if what has changed since its last line, or some time has gone.
// detail is printed but changes all the time.
func (p *progress) Show(kernel, what, detail string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if last := p.last[kernel]; last.what == what && now.Sub(last.at) < progressEvery {
		return
	}
	p.last[kernel] = progressLine{what, now}
	elapsed := now.Sub(p.begin).Round(time.Second)
	fmt.Fprintf(p.out, "%2d:%02d  %-6s %s%s\n", int(elapsed.Minutes()), int(elapsed.Seconds())%60, kernel, what, detail)
}

// prefixWriter puts a kernel's name before each line, so that the output of several VMs can
// share a terminal. A line must come in one Write.
type prefixWriter struct {
	mu     *sync.Mutex
	out    io.Writer
	prefix string
}

func (w *prefixWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.out.Write(append([]byte(w.prefix), bytes.TrimRight(b, "\r")...))
	return len(b), err
}
