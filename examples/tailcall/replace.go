package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx/tailcall"
	"github.com/bpfx/go/examples/tailcall/pipeline"
)

const (
	swaps   = 100
	udpSlot = 5 // UDP in pipeline.c
)

// A stream is packets that go through a chain until stop is set.
type stream struct {
	stop   atomic.Bool
	rounds atomic.Int64    // how often each packet went through
	met    [3]atomic.Int64 // packets by the version that they met; 0 for none
}

// run sends all packets in turn, and checks where each went: the stage that is
// replaced may have either version, but it must be one of them.
func (s *stream) run(c *tailcall.Chain) error {
	buffer := make([]byte, 256)
	for ; !s.stop.Load(); s.rounds.Add(1) {
		for _, p := range packets {
			got, err := send(c, p.bytes(), buffer)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			v1, v2 := p.expect(1), p.expect(2)
			version := 0
			switch is := got.String(); {
			case !strings.Contains(p.path, "%"):
			case is == v1.String():
				version = 1
			case is == v2.String():
				version = 2
			}
			if got.String() != v1.String() && got.String() != v2.String() {
				return fmt.Errorf("%s went astray: %v", p.name, got)
			}
			s.met[version].Add(1)
		}
	}
	return nil
}

// replace sends packets through the chain while it replaces a stage again and
// again.
func replace(w io.Writer, c *tailcall.Chain, v1, v2 *ebpf.ProgramSpec) error {
	var s stream
	done := make(chan error, 1)
	go func() {
		defer s.stop.Store(true) // if a packet went astray, nobody is to wait
		done <- s.run(c)
	}()
	err := s.swapOften(c, v1, v2)
	s.stop.Store(true)
	if failed := <-done; failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	one, two := s.met[1].Load(), s.met[2].Load()
	fmt.Fprintf(w, "\nReplaced %s %d times while %d packets went through: %d met version 1, %d version 2,\n",
		pipeline.PipelineProgUdp, swaps, s.met[0].Load()+one+two, one, two)
	fmt.Fprintln(w, "and all came out where they had to: none was lost, or met a gap.")
	return c.Verify()
}

// swapOften replaces the stage, and lets each packet go through at least once
// with every version.
func (s *stream) swapOften(c *tailcall.Chain, v1, v2 *ebpf.ProgramSpec) error {
	for i := range swaps {
		next := v2
		if i%2 == 1 {
			next = v1
		}
		if err := c.Swap(map[uint32]*ebpf.ProgramSpec{udpSlot: next}); err != nil {
			return err
		}
		for before := s.rounds.Load(); s.rounds.Load() < before+2 && !s.stop.Load(); {
			runtime.Gosched()
		}
	}
	return nil
}
