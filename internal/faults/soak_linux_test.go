//go:build amd64 || arm64

package faults

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bpfx/go/internal/netns"
	"github.com/bpfx/go/internal/testutil"
)

// A soaker does something over and over, side by side with others.
type soaker struct {
	name string
	many int // goroutines
	// start prepares what the goroutines share, and returns what each of them
	// does: n is its number. It may be nil if the kernel has no such thing.
	start func(*testing.T) func(r *rand.Rand, n int) error
	count atomic.Int64
}

// soakers are all of them. To add one, put it here.
var soakers = []*soaker{
	{name: "attach and detach", many: 3, start: attachAndDetach},
	{name: "LoadAndAttach", many: 2, start: loadAndAttach},
	{name: "run, and close meanwhile", many: 4, start: runAndClose},
	{name: "run a chain and swap its slots", many: 4, start: runAndSwap},
	{name: "swap a congestion control", many: 2, start: swapControl},
	{name: "iterate, and update meanwhile", many: 2, start: iterate},
	{name: "load and release the BTF", many: 1, start: releaseBTF},
}

// soakTime is how long TestSoak takes: what BPFX_SOAK says, half a minute in
// CI, or else a few seconds.
func soakTime(t *testing.T) time.Duration {
	if text := os.Getenv("BPFX_SOAK"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal("BPFX_SOAK:", err)
		}
		return d
	}
	if os.Getenv("CI") != "" {
		return 30 * time.Second
	}
	return 4 * time.Second
}

// TestSoak has all soakers work at once, while garbage is collected all the
// time and the profiler sends signals. What the process uses must be the same
// after a third of the time and at the end: the number of descriptors, what the
// garbage collector finds in use within 5 %, or 1 MB, and all memory within 5 %,
// or 4 MB, which is what the Go runtime's own varies by. The race detector needs
// memory of its own, so that isn't looked at with it. In less than 20 seconds
// memory doesn't settle.
//
// Garbage is collected in between and not in the middle of what the soakers do.
// cilium/ebpf v0.22 may close a descriptor twice otherwise: FD.Disown stops the
// cleanup of an FD that nothing keeps alive, which may be too late (see
// [runtime.Cleanup.Stop]). It befell every other soak of a minute, mostly in
// iterators and in the types of maps, and the second time it closed the
// descriptor of somebody else.
func TestSoak(t *testing.T) {
	testutil.NeedRoot(t)
	total := soakTime(t)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	s := &soak{stop: make(chan struct{})}
	s.run(t)
	defer s.end()
	time.Sleep(total / 4)
	first := s.measure(t, total/12)
	time.Sleep(total - total/4 - 2*(total/12))
	last := s.measure(t, total/12)
	s.end()
	t.Logf("\n%vafter %v: %v\nafter %v: %v", s, total/3, first, total, last)
	if t.Failed() {
		return
	}
	if first.descriptors != last.descriptors {
		t.Errorf("%d descriptors after a third, %d at the end", first.descriptors, last.descriptors)
	}
	if total < 20*time.Second {
		return
	}
	same(t, "memory in use", first.heap, last.heap, 1<<20)
	if !raceDetector {
		same(t, "memory", first.memory, last.memory, 4<<20)
	}
}

// same reports numbers of bytes that differ by more than 5 %, and by more than
// least.
func same(t *testing.T, what string, a, b, least int64) {
	t.Helper()
	if change := b - a; max(change, -change) > max(a/20, least) {
		t.Errorf("%s changed by %d KB, from %d KB to %d KB", what, change>>10, a>>10, b>>10)
	}
}

// soak is a soak that goes on.
type soak struct {
	stop    chan struct{}
	stopped sync.Once
	wg      sync.WaitGroup
	pause   sync.RWMutex // held for reading by those who work
}

// run starts the soakers.
func (s *soak) run(t *testing.T) {
	for _, k := range soakers {
		k.count.Store(0)
		work := k.start(t)
		if work == nil {
			continue
		}
		for n := range k.many {
			seed := rand.Uint64()
			s.wg.Go(func() {
				// The thread ends with the goroutine, and the namespace with it.
				if err := netns.Enter(); err != nil {
					t.Error(err)
					return
				}
				r := rand.New(rand.NewPCG(seed, 0))
				for s.goesOn() && !t.Failed() {
					s.pause.RLock()
					err := work(r, n)
					s.pause.RUnlock()
					if err != nil {
						t.Errorf("%s, seed %d, after %d: %v", k.name, seed, k.count.Load(), err)
						return
					}
					k.count.Add(1)
				}
			})
		}
	}
	s.wg.Go(func() {
		for s.goesOn() {
			s.pause.Lock() // see TestSoak
			runtime.GC()
			s.pause.Unlock()
			time.Sleep(20 * time.Millisecond)
		}
	})
	s.wg.Go(func() {
		for s.goesOn() {
			s.pause.RLock()
			if err := profile(200 * time.Millisecond); err != nil {
				t.Error(err)
			}
			s.pause.RUnlock()
		}
	})
}

// profile has the profiler send SIGPROF, a hundred times per second of work.
func profile(d time.Duration) error {
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	time.Sleep(d)
	pprof.StopCPUProfile()
	return nil
}

func (s *soak) goesOn() bool {
	select {
	case <-s.stop:
		return false
	default:
		return true
	}
}

// end waits until all have stopped.
func (s *soak) end() {
	s.stopped.Do(func() { close(s.stop) })
	s.wg.Wait()
}

// String says how often what was done.
func (s *soak) String() string {
	var b strings.Builder
	for _, k := range soakers {
		fmt.Fprintf(&b, "%10d  %s\n", k.count.Load(), k.name)
	}
	return b.String()
}

// usage is what the process uses.
type usage struct {
	descriptors int
	memory      int64 // resident, in bytes
	heap        int64 // in use, in bytes
}

func (u usage) String() string {
	return fmt.Sprintf("%d descriptors, %d KB of memory, %d KB of them in use", u.descriptors, u.memory>>10, u.heap>>10)
}

// measure looks a few times during d what the process uses, and returns the
// median.
func (s *soak) measure(t *testing.T, d time.Duration) usage {
	t.Helper()
	const times = 5
	list := make([]usage, times)
	for i := range list {
		time.Sleep(d / times)
		list[i] = s.look(t)
	}
	slices.SortFunc(list, func(a, b usage) int { return cmp.Compare(a.memory, b.memory) })
	return list[times/2]
}

// look has all soakers pause and looks what the process uses.
func (s *soak) look(t *testing.T) (u usage) {
	t.Helper()
	s.pause.Lock()
	defer s.pause.Unlock()
	for range 3 {
		debug.FreeOSMemory()
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Error(err)
	}
	if _, err := fmt.Sscan(string(text), new(int64), &u.memory); err != nil {
		t.Error("read statm:", err)
	}
	u.memory *= int64(os.Getpagesize())
	u.descriptors = len(entries)
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	u.heap = int64(stats.HeapAlloc)
	return u
}
