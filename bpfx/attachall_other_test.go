//go:build !linux

package bpfx_test

import (
	"errors"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
)

func TestAttachAllNotLinux(t *testing.T) {
	c := &bpfx.Collection{
		Spec:     &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": bpfx.XDP{}.Spec(nil)}},
		Programs: map[string]*bpfx.Program{"p": bpfx.Wrap(new(ebpf.Program))},
	}
	a, err := c.AttachAll(&bpfx.AttachOptions{Interface: "lo"})
	var ae *bpfx.AttachError
	if a != nil || !errors.As(err, &ae) || !errors.Is(err, ebpf.ErrNotSupported) {
		t.Errorf("AttachAll() = %v, %v; want an AttachError with ErrNotSupported", a, err)
	}
}
