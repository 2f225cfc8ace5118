package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx/structops"
	"github.com/bpfx/go/examples/tcpcc/aimd"
)

// swapLive swaps the congestion control in Go for the one in C while two
// connections send, and moves one of them over. It returns their curves, nil if
// the kernel can't swap.
func swapLive(w io.Writer, s *sink, each time.Duration) ([]curve, error) {
	oldSpec, err := aimd.Spec(inGo)
	if err != nil {
		return nil, err
	}
	newSpec, err := aimd.FromC(inGo) // a swap needs the same name
	if err != nil {
		return nil, err
	}
	var curves []curve
	err = structops.WithRegistered(oldSpec, func(old *structops.Ops) error {
		return structops.With(newSpec, func(new *structops.Ops) error {
			d := &demo{sink: s, old: old, new: new, each: each}
			err := d.run(w)
			curves = d.curves
			return err
		})
	})
	if errors.Is(err, ebpf.ErrNotSupported) {
		fmt.Fprintf(w, "\nNo swap on this kernel: %v.\n", err)
		return nil, nil
	}
	return curves, err
}

// demo is a swap while connections run.
type demo struct {
	sink     *sink
	old, new *structops.Ops
	each     time.Duration
	start    time.Time
	curves   []curve
	flows    []*flow
}

func (d *demo) run(w io.Writer) (err error) {
	defer func() {
		for _, f := range d.flows {
			err = errors.Join(err, f.stop())
			d.curves = append(d.curves, f.curve)
		}
	}()
	d.start = time.Now()
	stays, err := d.open("stays in Go")
	if err != nil {
		return err
	}
	moves, err := d.open("moves to C")
	if err != nil {
		return err
	}
	if err := d.send(d.each / 2); err != nil {
		return err
	}
	began := time.Now()
	if err := d.old.Replace(d.new); err != nil {
		return err
	}
	took := time.Since(began)
	if err := moves.use(inGo); err != nil {
		return err
	}
	fresh, err := d.open("begins in C")
	if err != nil {
		return err
	}
	before, err := calls(d.old)
	if err != nil {
		return err
	}
	if err := d.sendUntilCalled(before); err != nil {
		return err
	}
	for _, f := range []*flow{stays, moves, fresh} {
		if err := f.check(inGo); err != nil {
			return err
		}
	}
	return d.report(w, took, before)
}

func (d *demo) open(label string) (*flow, error) {
	f, err := open(d.sink, inGo, label)
	if err == nil {
		d.flows = append(d.flows, f)
	}
	return f, err
}

// send lets all connections send for a while and samples their windows.
func (d *demo) send(long time.Duration) error {
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(tick) {
		for _, f := range d.flows {
			if _, err := f.sample(d.start); err != nil {
				return err
			}
		}
	}
	return nil
}

// sendUntilCalled sends for half the time, and longer if a connection just
// waits for a timer after a loss: both versions are to be seen at work.
func (d *demo) sendUntilCalled(before []uint64) error {
	for range 20 {
		if err := d.send(d.each / 2); err != nil {
			return err
		}
		old, err := calls(d.old)
		if err != nil {
			return err
		}
		new, err := calls(d.new)
		if err != nil {
			return err
		}
		if old[aimd.CongAvoid] > before[aimd.CongAvoid] && new[aimd.CongAvoid] > 0 {
			return nil
		}
	}
	return nil // report says who is missing
}

// report makes sure that each connection was served by the version that it
// should be: one stayed with the old, one went over, one began with the new.
func (d *demo) report(w io.Writer, took time.Duration, before []uint64) error {
	old, err := calls(d.old)
	if err != nil {
		return err
	}
	new, err := calls(d.new)
	if err != nil {
		return err
	}
	after := old[aimd.CongAvoid] - before[aimd.CongAvoid]
	switch {
	case after == 0:
		return errors.New("the connection that stays no longer calls the old congestion control")
	case old[aimd.Init] != 2 || old[aimd.Release] != 1:
		return fmt.Errorf("the old one began %d connections and ended %d, not 2 and 1", old[aimd.Init], old[aimd.Release])
	case new[aimd.Init] != 2 || new[aimd.CongAvoid] == 0:
		return fmt.Errorf("the new one began %d connections, not 2, and let them grow %d times", new[aimd.Init], new[aimd.CongAvoid])
	}
	oldUsers, err := d.old.Users()
	if err != nil {
		return err
	}
	newUsers, err := d.new.Users()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nSwapped %s, Go for C, in %v while two connections sent; one stayed, one was moved, one was new.\n", inGo, took.Round(10*time.Microsecond))
	fmt.Fprintf(w, "Since then cong_avoid was called %d times in Go and %d times in C; some %d connection uses Go, %d use C.\n",
		after, new[aimd.CongAvoid], oldUsers, newUsers)
	return nil
}
