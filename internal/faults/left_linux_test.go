//go:build amd64 || arm64

package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bpfx/go/bpfx/structops"
	"github.com/bpfx/go/internal/testutil"
)

// A before is what there was before operations were run.
type before struct {
	ids         map[testutil.ID]bool
	descriptors map[int]string
	controls    []string // congestion controls
	events      []string
	namespaces  map[string]bool
}

// look notes what there is. Of the child it looks at descriptors and
// namespaces, if there is one.
func look(p *process) (b before, err error) {
	if b.ids, err = ids(); err != nil {
		return b, err
	}
	if b.controls, err = structops.AvailableTCPCC(); err != nil {
		return b, err
	}
	b.events = events()
	if p == nil {
		return b, nil
	}
	if b.descriptors, err = p.descriptors(); err != nil {
		return b, err
	}
	b.namespaces, err = p.namespaces()
	return b, err
}

// left returns what the child has left since b, programs, maps, links and BTF
// apart.
func (b *before) left(p *process, keeps bool) ([]string, error) {
	open, err := p.descriptors()
	if err != nil {
		return nil, err
	}
	var left []string
	for _, n := range slices.Sorted(maps.Keys(open)) {
		if target := open[n]; target != b.descriptors[n] && !strings.Contains(target, "[event") { // the runtime's
			left = append(left, fmt.Sprintf("descriptor %d: %s", n, target))
		}
	}
	pins, err := p.pins()
	if err != nil {
		return nil, err
	}
	if len(pins) > 0 {
		if !keeps {
			left = append(left, fmt.Sprintf("pins %v", pins))
		}
		if err := p.removePins(); err != nil {
			return nil, err
		}
	}
	more, err := b.kernelLeft(keeps)
	if err != nil {
		return nil, err
	}
	var spaces map[string]bool
	err = soon(func() (bool, error) {
		spaces, err = p.namespaces() // a thread may take a moment to end
		return maps.Equal(spaces, b.namespaces), err
	}, func() {
		left = append(left, "a thread in a network namespace")
		b.namespaces = spaces // it is reported once
	})
	return append(left, more...), err
}

// kernelLeft returns congestion controls and events of tracefs that are left,
// and removes them.
func (b *before) kernelLeft(keeps bool) (left []string, err error) {
	if now, err := structops.AvailableTCPCC(); err == nil && keeps && slices.Contains(now, ccName) {
		// Before Linux 6.4, to remove the pin doesn't unregister it.
		_ = structops.UnregisterByName(ccName) // it may be gone by now
	}
	err = soon(func() (bool, error) {
		now, err := structops.AvailableTCPCC()
		return !slices.Contains(now, ccName), err
	}, func() {
		left = append(left, "congestion control "+ccName)
		_ = structops.UnregisterByName(ccName) // it is reported
	})
	if err != nil {
		return nil, err
	}
	made := slices.DeleteFunc(events(), func(s string) bool { return slices.Contains(b.events, s) })
	for _, e := range made {
		left = append(left, "event "+e)
	}
	return left, removeEvents(made)
}

// patience is how long the kernel may take to free what nobody uses.
var patience = longPatience

const longPatience = 10 * time.Second

// soon waits until cond is true, or calls otherwise.
func soon(cond func() (bool, error), otherwise func()) error {
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		ok, err := cond()
		if ok || err != nil {
			return err
		}
		if time.Now().After(end) {
			otherwise()
			return nil
		}
	}
}

// ids lists the objects of the kernel.
func ids() (map[testutil.ID]bool, error) {
	list, err := testutil.IDs()
	if err != nil {
		return nil, err
	}
	set := make(map[testutil.ID]bool, len(list))
	for _, id := range list {
		set[id] = true
	}
	return set, nil
}

// idsLeft waits until the objects are gone that are there now and were not
// before, and returns those that stay. Other processes of the machine may make
// some meanwhile, or have made some: what they hold doesn't count.
func (b *before) idsLeft() (left []string, err error) {
	var candidates map[testutil.ID]bool
	err = soon(func() (bool, error) {
		now, err := ids()
		if err != nil {
			return false, err
		}
		if candidates == nil {
			candidates = now
			maps.DeleteFunc(candidates, func(id testutil.ID, _ bool) bool { return b.ids[id] })
		}
		maps.DeleteFunc(candidates, func(id testutil.ID, _ bool) bool { return !now[id] })
		return len(candidates) == 0, nil
	}, func() {
		for id := range candidates {
			b.ids[id] = true // it is reported once
			if !testutil.HeldByOthers(id) {
				left = append(left, testutil.Describe(id))
			}
		}
		slices.Sort(left)
	})
	return left, err
}
