//go:build amd64 || arm64

package faults

import (
	"bufio"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bpfx/go/bpfx/structops"
	"github.com/bpfx/go/internal/testutil"
)

// onPurpose are the pins that operations make, which outlive them.
var onPurpose = []string{"/program", "/link", "/iterator", "/cc", "/chain/array_jump", "/chain/entry", "/chain/link_0"}

// unlinked are operations that register a congestion control without a link,
// which outlives them on all kernels.
var unlinked = []string{"structops without a link", "structops.UnregisterByName"}

// TestDeath kills processes that run operations, at random, and looks what
// stays in the kernel.
func TestDeath(t *testing.T) {
	p := newPlace(t)
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, seed))
	base, err := look(nil)
	if err != nil {
		t.Fatal(err)
	}
	var kills, pins, controls, events int
	during := make(map[string]bool)
	for _, name := range victims(r) {
		p.Loop = name
		if !p.kill(t, time.Duration(r.Int64N(int64(30*time.Millisecond)*slowness()))) {
			continue
		}
		d := death{t: t, place: &p, before: &base}
		d.pins()
		d.controls()
		d.events()
		if left, err := base.idsLeft(); err != nil || len(left) > 0 {
			t.Errorf("killed during %q: left behind: %v, %v", name, left, err)
		}
		kills++
		during[name] = true
		pins, controls, events = pins+d.nPins, controls+d.nControls, events+d.nEvents
	}
	t.Logf("seed %d: killed %d times, during %d operations: left %d pins and %d congestion controls without a link on purpose, and %d events of tracefs",
		seed, kills, len(during), pins, controls, events)
}

// slowness is how much slower than others this machine may be.
func slowness() int64 {
	if os.Getenv("BPFX_VMTEST") != "" {
		return 15
	}
	return 1
}

// victims returns the operations to kill, in a random order: those that leave
// something on purpose more often. Where machines are emulated, it is these and
// some of the others.
func victims(r *rand.Rand) (list []string) {
	const some = 6
	for _, i := range r.Perm(len(ops)) {
		name := ops[i].name
		leaves := strings.Contains(name, "Pin") || strings.HasPrefix(name, "structops") || strings.Contains(name, "tracefs")
		switch {
		case slowness() == 1 && leaves:
			list = append(list, name, name)
		case slowness() == 1 || leaves || len(list) < some:
			list = append(list, name)
		}
	}
	return list
}

// kill starts a process and kills it some time after it has begun. It returns
// false if the kernel lacks what the operation needs.
func (p *place) kill(t *testing.T, after time.Duration) bool {
	t.Helper()
	cmd := start(t, *p)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v, %v", p.Loop, err, cmd.Wait())
	}
	if line == lacking+"\n" {
		return cmd.Wait() != nil
	}
	time.Sleep(after)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatalf("%s: kill: %v", p.Loop, err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("%s: it ended before it was killed: %v", p.Loop, err)
	}
	return true
}

// death is what a process has left that was killed during an operation.
type death struct {
	t *testing.T
	*place
	*before
	nPins, nControls, nEvents int
}

// pins removes the pins, which must be those that operations make.
func (d *death) pins() {
	d.t.Helper()
	pins, err := d.place.pins()
	if err != nil {
		d.t.Fatal(err)
	}
	for _, pin := range pins {
		d.nPins++
		if !slices.Contains(onPurpose, pin) {
			d.t.Errorf("killed during %q: left behind: pin %s", d.Loop, pin)
		}
	}
	if err := d.removePins(); err != nil {
		d.t.Fatal(err)
	}
}

// controls unregisters a congestion control that was registered without a
// link. One with a link goes by itself.
func (d *death) controls() {
	d.t.Helper()
	registered := func() (bool, error) {
		names, err := structops.AvailableTCPCC()
		return !slices.Contains(names, ccName), err
	}
	if testutil.KernelAtLeast(d.t, "6.4") && !slices.Contains(unlinked, d.Loop) {
		err := soon(registered, func() {
			d.t.Errorf("killed during %q: left behind: congestion control %s", d.Loop, ccName)
		})
		if err != nil {
			d.t.Fatal(err)
		}
	}
	gone, err := registered()
	if err != nil {
		d.t.Fatal(err)
	}
	if gone {
		return
	}
	d.nControls++
	if err := structops.UnregisterByName(ccName); err != nil {
		d.t.Errorf("killed during %q: %v", d.Loop, err)
	}
	if gone, err := registered(); !gone || err != nil {
		d.t.Errorf("killed during %q: congestion control %s is registered after UnregisterByName (%v)", d.Loop, ccName, err)
	}
}

// events removes events of tracefs: that they stay is what the comment of
// Kretprobe.MaxActive says.
func (d *death) events() {
	d.t.Helper()
	made := slices.DeleteFunc(events(), func(s string) bool { return slices.Contains(d.before.events, s) })
	d.nEvents += len(made)
	if len(made) > 0 && d.Loop != "kretprobe through tracefs" {
		d.t.Errorf("killed during %q: left behind: events %v", d.Loop, made)
	}
	// They are in use until the perf events are gone.
	err := errors.New("")
	for end := time.Now().Add(patience); err != nil && time.Now().Before(end); time.Sleep(time.Millisecond) {
		err = removeEvents(made)
	}
	if err != nil {
		d.t.Error(err)
	}
}
