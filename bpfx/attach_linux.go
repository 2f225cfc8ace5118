package bpfx

import (
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/sys"
)

// newAttachment is NewAttachment for the results of cilium's functions.
func newAttachment(l link.Link, err error) (*Attachment, error) {
	if err != nil {
		return nil, err
	}
	return NewAttachment(l), nil
}

// isBPFFS reports whether a file at path is, or would be, on a bpf filesystem.
func isBPFFS(path string) bool {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil && unix.Statfs(filepath.Dir(path), &st) != nil {
		return false
	}
	return uint32(st.Type) == unix.BPF_FS_MAGIC
}

// programID returns the id of p, or 0 if the kernel won't tell.
func programID(p *ebpf.Program) ebpf.ProgramID {
	id, err := sys.ProgID(p.FD())
	if err != nil {
		return 0
	}
	return ebpf.ProgramID(id)
}
