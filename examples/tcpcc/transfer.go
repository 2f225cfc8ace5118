package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/bpfx/go/bpfx/structops"
	"github.com/bpfx/go/examples/tcpcc/aimd"
)

// sink accepts connections and throws away what they send.
type sink struct {
	net.Listener
	wg sync.WaitGroup
}

func listen() (*sink, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // its subflows would each have a congestion control
	l, err := lc.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{Listener: l}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			s.wg.Go(func() {
				defer c.Close()
				_, _ = io.Copy(io.Discard, c) // ends when the sender does
			})
		}
	})
	return s, nil
}

func (s *sink) close() error {
	err := s.Close()
	s.wg.Wait()
	return err
}

// flow is a connection that sends as fast as it may.
type flow struct {
	*net.TCPConn
	started time.Time
	sent    chan error
	curve   curve
}

// open makes a connection with a congestion control and has it send for ever.
func open(s *sink, cc, label string) (*flow, error) {
	c, err := net.Dial("tcp4", s.Addr().String())
	if err != nil {
		return nil, err
	}
	f := &flow{TCPConn: c.(*net.TCPConn), sent: make(chan error, 1), curve: curve{label: label}}
	if err := f.use(cc); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	f.started = time.Now()
	go func() {
		buf := make([]byte, 64<<10)
		for {
			if _, err := f.Write(buf); err != nil {
				f.sent <- err
				return
			}
		}
	}()
	return f, nil
}

// use sets the congestion control and makes sure that it is set.
func (f *flow) use(cc string) error {
	if err := structops.UseTCPCC(f, cc); err != nil {
		return err
	}
	return f.check(cc)
}

func (f *flow) check(cc string) error {
	got, err := structops.TCPCC(f)
	if err == nil && got != cc {
		err = fmt.Errorf("the connection uses %q, not %q", got, cc)
	}
	return err
}

// sample adds a point to the curve, at a time since start.
func (f *flow) sample(start time.Time) (structops.TCPStats, error) {
	stats, err := structops.TCPInfo(f)
	if err == nil {
		f.curve.points = append(f.curve.points, point{time.Since(start), stats.Cwnd})
	}
	return stats, err
}

// stop ends the sending and closes the connection.
func (f *flow) stop() error {
	if err := f.SetWriteDeadline(time.Now()); err != nil {
		return err
	}
	err := <-f.sent
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	_ = f.SetLinger(0) // what is still queued isn't needed
	return errors.Join(err, f.Close())
}

// result is what came of one congestion control.
type result struct {
	name, by string
	curve    curve
	stats    structops.TCPStats
	took     time.Duration
	calls    []uint64 // of ours
}

// tick is how often windows are sampled.
const tick = 10 * time.Millisecond

// measure sends with a congestion control for a while.
func measure(s *sink, name, by string, each time.Duration) (r result, err error) {
	f, err := open(s, name, name)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	for time.Since(f.started) < each {
		if r.stats, err = f.sample(f.started); err != nil {
			return r, err
		}
		time.Sleep(tick)
	}
	r.name, r.by, r.curve, r.took = name, by, f.curve, time.Since(f.started)
	return r, f.check(name)
}

func printTable(w io.Writer, results []result) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tab, "CONTROL\tBY\tMBIT/S\tMEAN CWND\tMAX\tRTT\tRESENT\tSSTHRESH()\tCONG_AVOID()\t")
	for _, r := range results {
		ssthresh, avoid := "", ""
		if r.calls != nil {
			ssthresh, avoid = fmt.Sprint(r.calls[aimd.Ssthresh]), fmt.Sprint(r.calls[aimd.CongAvoid])
		}
		mean, most := r.curve.summary()
		fmt.Fprintf(tab, "%s\t%s\t%.1f\t%.0f\t%d\t%v\t%d\t%s\t%s\t\n", r.name, r.by,
			float64(r.stats.Acked)*8/1e6/r.took.Seconds(), mean, most, r.stats.RTT.Round(10*time.Microsecond), r.stats.Retransmits, ssthresh, avoid)
	}
	tab.Flush()
}
