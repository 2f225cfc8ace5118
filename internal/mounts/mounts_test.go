package mounts_test

import (
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/internal/mounts"
)

func machine(text string) fs.FS {
	return fstest.MapFS{mounts.File[1:]: {Data: []byte(text)}}
}

func TestRead(t *testing.T) {
	root := machine("22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n" +
		"30 22 0:7 / /sys/kernel/tracing rw - tracefs tracefs rw\n" +
		"31 22 0:8 /a\\040b /mnt/with\\040space\\134 rw master:1 propagate_from:2 - cgroup2 cgroup2 rw\n" +
		"32 22 0:9 / /second rw - tracefs none rw\n" +
		"damaged\n33 22 0:9 / -\n34 22 0:9 / /x rw -\n\n")
	got, err := mounts.Read(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []mounts.Mount{
		{Root: "/", Dir: "/", Type: "ext4"}, {Root: "/", Dir: "/sys/kernel/tracing", Type: "tracefs"},
		{Root: "/a b", Dir: `/mnt/with space\`, Type: "cgroup2"}, {Root: "/", Dir: "/second", Type: "tracefs"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Read() (-want +got):\n%s", diff)
	}
	for fsType, want := range map[string]string{"tracefs": "/sys/kernel/tracing", "cgroup2": `/mnt/with space\`, "bpf": ""} {
		if dir, err := mounts.Of(root, fsType); dir != want || err != nil {
			t.Errorf("Of(%s) = %q, %v; want %q", fsType, dir, err, want)
		}
	}
	if dir, err := mounts.Of(fstest.MapFS{}, "bpf"); dir != "" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Of() without the file = %q, %v", dir, err)
	}
}
