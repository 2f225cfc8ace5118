package iter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/testutil"
)

// mustMkdir makes a cgroup, which is removed when the test ends.
func mustMkdir(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
	return dir
}

// cgroupID is what programs of these tests write.
var cgroupID = from("cgroup", "cgroup", "kn", "kernfs_node", "id")

func TestCgroup(t *testing.T) {
	p := mustLoad(t, "cgroup", write(t, "cgroup", cgroupID))
	top := testutil.Cgroup(t)
	mid := mustMkdir(t, top+"/mid")
	low := mustMkdir(t, mid+"/low")
	fd, err := unix.Open(mid, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	root := filepath.Dir(top)
	for _, tt := range []struct {
		name string
		from Cgroup
		want []string
	}{
		{"path", Cgroup{Path: mid}, []string{mid, low}},
		{"descriptor", Cgroup{FD: fd}, []string{mid, low}},
		{"id", Cgroup{ID: inode(t, mid)}, []string{mid, low}},
		{"self", Cgroup{Path: top, Order: Self}, []string{top}},
		{"pre", Cgroup{Path: top, Order: DescendantsPre}, []string{top, mid, low}},
		{"post", Cgroup{Path: top, Order: DescendantsPost}, []string{low, mid, top}},
		{"up", Cgroup{Path: low, Order: AncestorsUp}, []string{low, mid, top, root}},
		{"children", Cgroup{Path: top, Order: Children}, []string{mid}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			it, err := Open(p, &Options{Cgroup: tt.from})
			if tt.from.Order == Children && !testutil.KernelAtLeast(t, "7.0") && err != nil {
				if !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "Children: Requires Linux 7.0") {
					t.Errorf("Open() = %v, want that it requires Linux 7.0", err)
				}
				testutil.NeedKernel(t, "7.0", "the children of a cgroup")
			}
			if err != nil {
				t.Fatal(err)
			}
			defer it.Close()
			var want []uint64
			for _, path := range tt.want {
				want = append(want, inode(t, path))
			}
			if diff := cmp.Diff(want, collect[uint64](t, it)); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			order := tt.from.Order
			if order == 0 {
				order = DescendantsPre
			}
			info, err := it.Info()
			start := mid
			if tt.from.Path != "" {
				start = tt.from.Path
			}
			if err != nil || info.Order != order || info.CgroupID != inode(t, start) {
				t.Errorf("Info() = %+v, %v, want order %v, cgroup %d", info, err, order, inode(t, start))
			}
		})
	}
}

func TestCgroupRefused(t *testing.T) {
	p := mustLoad(t, "cgroup", quiet())
	dir := testutil.Cgroup(t)
	removed := mustMkdir(t, dir+"/removed")
	id := inode(t, removed)
	fd, err := unix.Open(removed, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := os.Remove(removed); err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	for _, tt := range []struct {
		name string
		from Cgroup
		err  error
		text string
	}{
		{"no path", Cgroup{Path: removed}, os.ErrNotExist, "Options.Cgroup.Path: open " + removed},
		{"a file", Cgroup{Path: dir + "/cgroup.procs"}, syscall.ENOTDIR, "cgroup.procs"},
		{"another filesystem", Cgroup{Path: elsewhere}, syscall.EBADF, elsewhere + " isn't the directory of a cgroup"},
		{"no cgroup", Cgroup{FD: 2}, syscall.EBADF, "descriptor 2 isn't one of a cgroup's directory"},
		{"removed", Cgroup{FD: fd}, os.ErrNotExist, "the cgroup was removed"},
		{"no id", Cgroup{ID: id}, os.ErrNotExist, fmt.Sprintf("there is no cgroup %d", id)},
		{"never an id", Cgroup{ID: 1 << 62}, os.ErrNotExist, "there is no cgroup 4611686018427387904"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			it, err := Open(p, &Options{Cgroup: tt.from})
			if err == nil {
				it.Close()
			}
			if !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("Open() = %v, want %v with %q", err, tt.err, tt.text)
			}
		})
	}
}

// TestCgroupSessions reads two sessions in turn, a byte at a time, and one whose
// cgroups vanish.
func TestCgroupSessions(t *testing.T) {
	p := mustLoad(t, "cgroup", write(t, "cgroup", cgroupID))
	dir := testutil.Cgroup(t)
	child := mustMkdir(t, dir+"/child")
	it := mustOpen(t, p, &Options{Cgroup: Cgroup{Path: dir}})
	var got [2][]byte
	var readers [2]interface {
		Read([]byte) (int, error)
		Close() error
	}
	for i := range readers {
		r, err := it.Reader()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		readers[i] = r
	}
	for range 16 {
		for i, r := range readers {
			b := make([]byte, 1)
			if n, err := r.Read(b); n != 1 || err != nil {
				t.Fatalf("session %d: Read() = %d, %v", i, n, err)
			}
			got[i] = append(got[i], b...)
		}
	}
	all, err := it.ReadAll()
	if err != nil || len(all) != 16 || string(all) != string(got[0]) || string(all) != string(got[1]) {
		t.Errorf("sessions read %x and %x, ReadAll %x, %v", got[0], got[1], all, err)
	}
	if err := os.Remove(child); err != nil {
		t.Fatal(err)
	}
	if got := collect[uint64](t, it); len(got) != 1 {
		t.Errorf("%d records after a cgroup was removed, want 1", len(got))
	}
}

// TestCgroupTooMuch has a program write more than a session of cgroups can.
func TestCgroupTooMuch(t *testing.T) {
	const each = 50 // times 8 bytes
	p := mustLoad(t, "cgroup", write(t, "cgroup", slices.Repeat([]source{cgroupID}, each)...))
	dir := testutil.Cgroup(t)
	for i := range chunk/(8*each) + 10 {
		mustMkdir(t, fmt.Sprintf("%s/%d", dir, i))
	}
	it := mustOpen(t, p, &Options{Cgroup: Cgroup{Path: dir}})
	records := 0
	var last error
	for _, err := range Records[[each]uint64](it) {
		if err != nil {
			last = err
			continue
		}
		records++
	}
	if !errors.Is(last, syscall.EOPNOTSUPP) || !strings.Contains(last.Error(), "start further down") || records == 0 {
		t.Errorf("%d records, then %v, want some, then EOPNOTSUPP", records, last)
	}
}
