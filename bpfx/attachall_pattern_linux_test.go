package bpfx_test

import (
	"errors"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// TestLoadAndAttachPattern attaches to what a pattern matches, and tells of the
// pattern.
func TestLoadAndAttachPattern(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedKernel(t, "6.6", "uprobe.multi")
	p := bpfx.UprobeMulti{}.Spec(ret(0))
	p.SectionName, p.AttachTo = "uprobe.multi/libc.so.6:confst?", "libc.so.6:confst?"
	spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": p}}
	var h bpfx.UprobeMulti
	err := bpfx.WithAttachedAll(spec, nil, func(a *bpfx.Attached) error {
		h, _ = a.Programs[0].Hook.(bpfx.UprobeMulti)
		for _, got := range []bpfx.Hook{a.Programs[0].Hook, a.Programs[0].Attachment.Hook(), a.Collection.Programs["p"].Attachments()[0].Hook()} {
			if m, ok := got.(bpfx.UprobeMulti); !ok || m.Pattern != "confst?" || len(m.Symbols) != 0 {
				t.Errorf("attached to %#v", got)
			}
		}
		l, ok := a.Programs[0].Attachment.Link()
		if info, err := l.Info(); !ok || err != nil || info.Program == 0 {
			t.Errorf("link: %v, %v", info, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// What fails tells of the pattern too.
	spec.Programs["p"] = bpfx.Uprobe{}.Spec(ret(0)) // not for many
	c, err := bpfx.LoadCollection(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	spec.Programs["p"].AttachType = ebpf.AttachTraceUprobeMulti // which isn't so
	_, err = c.AttachAll(&bpfx.AttachOptions{Hooks: map[string]bpfx.Hook{"p": h}})
	var ae *bpfx.AttachError
	if !errors.As(err, &ae) || ae.Hook.String() != h.String() {
		t.Errorf("AttachAll() = %v, want an AttachError of %v", err, h)
	} else if _, ok := ae.Hook.(bpfx.UprobeMulti); !ok {
		t.Errorf("its hook is a %T", ae.Hook)
	}
}
