package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cilium/ebpf/ringbuf"

	"github.com/bpfx/go/bpfx"
)

// printEvents prints events until ctx ends.
func printEvents(ctx context.Context, w io.Writer, c *bpfx.Collection, places []string) error {
	r, err := ringbuf.NewReader(c.Maps[eventsMap])
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer r.Close() // closing twice is fine
	stop := context.AfterFunc(ctx, func() { r.Close() })
	defer stop()
	fmt.Fprintf(w, "%8s  %-16s  %s\n", "PID", "COMMAND", "PLACE")
	for {
		record, err := r.Read()
		if errors.Is(err, os.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		var e event
		if _, err := binary.Decode(record.RawSample, binary.NativeEndian, &e); err != nil {
			return fmt.Errorf("decode an event: %w", err)
		}
		comm, _, _ := bytes.Cut(e.Comm[:], []byte{0})
		fmt.Fprintf(w, "%8d  %-16s  %s\n", e.PID, comm, places[e.Place])
	}
}
