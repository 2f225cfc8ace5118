package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// setupLimit bounds a whole setup; apt-get has time limits of its own for each connection.
const setupLimit = 30 * time.Minute

// setup installs the tools that are missing and fetches the kernels that the cache lacks,
// or, if upgrade is set, those that have a newer package.
func setup(ctx context.Context, cache *Cache, series []Series, upgrade bool, log io.Writer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, setupLimit, fmt.Errorf("setup took longer than %v", setupLimit))
	defer cancel()
	missing := missingTools(slices.Concat(tools, unpackTools), exec.LookPath)
	slices.Sort(missing)
	missing = slices.Compact(missing)
	if len(missing) == 0 && !upgrade && allCached(cache, series, log) {
		return nil // needs no lock, so it doesn't wait for runs
	}
	unlock, err := lockCache(ctx, cache, unix.LOCK_EX, log)
	if err != nil {
		return err
	}
	defer unlock()
	catalogue, err := loadCatalogue()
	if err != nil {
		return err
	}
	s := &setupRun{cache: cache, catalogue: catalogue, upgrade: upgrade, log: log}
	if len(missing) > 0 {
		if err := installTools(ctx, missing, log, func() (string, error) { return s.virtmeNG(ctx) }); err != nil {
			return err
		}
	}
	for _, one := range series {
		if err := s.kernel(ctx, series, one); err != nil {
			return err
		}
	}
	return nil
}

// allCached reports whether all kernels are there, and if so says so.
func allCached(cache *Cache, series []Series, log io.Writer) bool {
	var said strings.Builder
	for _, one := range series {
		k, err := cache.Kernel(one.Series)
		if err != nil {
			return false
		}
		fmt.Fprintf(&said, "setup: %s: %s is in the cache\n", one.Series, k.Release)
	}
	fmt.Fprint(log, said.String())
	return true
}

// setupRun is the state of one setup. The private apt is only made, and the network only
// used, when something is missing.
type setupRun struct {
	cache     *Cache
	catalogue *Catalogue
	upgrade   bool
	log       io.Writer
	apt       *apt
}

// archive returns the private apt with its lists read once, for the suites of all series.
func (s *setupRun) archive(ctx context.Context, series []Series) (*apt, error) {
	if s.apt != nil {
		return s.apt, nil
	}
	sources, err := readAptSources("/etc/apt")
	if err != nil {
		return nil, err
	}
	archive, err := debianArchive(sources)
	if err != nil {
		return nil, err
	}
	suites := []string{s.catalogue.VirtmeNGSuite}
	for _, one := range series {
		if !slices.Contains(suites, one.Suite) {
			suites = append(suites, one.Suite)
		}
	}
	a, err := newApt(filepath.Join(s.cache.Dir, "apt"), archive, suites, s.log)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(s.log, "setup: reading the package lists of Debian %s\n", strings.Join(suites, ", "))
	if err := a.Update(ctx); err != nil {
		return nil, err
	}
	s.apt = a
	return a, nil
}

func (s *setupRun) virtmeNG(ctx context.Context) (string, error) {
	a, err := s.archive(ctx, s.catalogue.Series)
	if err != nil {
		return "", err
	}
	return fetchVirtmeNG(ctx, a, filepath.Join(s.cache.Dir, "debs", "virtme-ng"))
}

// kernel fetches one kernel. The new one is laid out beside the old one and takes its place
// at the end, so an interrupted setup leaves a whole kernel or none.
func (s *setupRun) kernel(ctx context.Context, all []Series, one Series) error {
	cached, err := s.cache.Kernel(one.Series)
	if err == nil && !s.upgrade {
		fmt.Fprintf(s.log, "setup: %s: %s is in the cache\n", one.Series, cached.Release)
		return nil
	}
	a, err := s.archive(ctx, all)
	if err != nil {
		return err
	}
	packages, err := s.choose(ctx, a, one)
	if err != nil {
		return err
	}
	var versions []string
	var download, disk int64
	for _, p := range packages {
		versions = append(versions, p.Name+" "+p.Version)
		download, disk = download+p.Download, disk+p.Disk
	}
	if cached != nil && slices.Equal(cached.Packages, versions) {
		fmt.Fprintf(s.log, "setup: %s: %s is the newest\n", one.Series, cached.Release)
		return nil
	}
	fmt.Fprintf(s.log, "setup: %s: %s (%d MB to download, about %d MB on disk)\n",
		one.Series, strings.Join(versions, ", "), download>>20, disk>>20)
	if err := checkSpace(s.cache.Dir, download+disk); err != nil {
		return fmt.Errorf("kernel %s: %w", one.Series, err)
	}
	return s.install(ctx, a, one, packages, versions)
}

func (s *setupRun) choose(ctx context.Context, a *apt, one Series) ([]aptPackage, error) {
	names, err := a.Names(ctx, "linux-")
	if err != nil {
		return nil, err
	}
	chosen, err := one.Newest(names)
	if err != nil {
		return nil, err
	}
	return a.Show(ctx, chosen)
}

func (s *setupRun) install(ctx context.Context, a *apt, one Series, packages []aptPackage, versions []string) error {
	debs := filepath.Join(s.cache.Dir, "debs", one.Series)
	files, err := a.Download(ctx, debs, packages)
	if err != nil {
		return fmt.Errorf("kernel %s: %w", one.Series, err)
	}
	dir := s.cache.KernelDir(one.Series)
	fresh, old := dir+".new", dir+".old"
	for _, d := range []string{fresh, old} {
		if err := os.RemoveAll(d); err != nil {
			return fmt.Errorf("kernel %s: %w", one.Series, err)
		}
	}
	if err := os.MkdirAll(fresh, 0o755); err != nil {
		return fmt.Errorf("kernel %s: %w", one.Series, err)
	}
	defer os.RemoveAll(fresh) // gone already unless something above failed
	k, err := unpackKernel(ctx, fresh, files, slices.Concat(s.catalogue.BootModules, s.catalogue.TestModules))
	if err != nil {
		return fmt.Errorf("kernel %s: %w", one.Series, err)
	}
	k.Series, k.Packages = one.Series, versions
	if err := writeStamp(fresh, k); err != nil {
		return err
	}
	if err := os.Rename(dir, old); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("kernel %s: %w", one.Series, err)
	}
	if err := os.Rename(fresh, dir); err != nil {
		return fmt.Errorf("kernel %s: %w", one.Series, err)
	}
	fmt.Fprintf(s.log, "setup: %s: %s is in %s\n", one.Series, k.Release, dir)
	// depmod wrote names relative to the directory, so moving it broke nothing.
	for _, d := range []string{old, debs} {
		if err := os.RemoveAll(d); err != nil {
			return fmt.Errorf("kernel %s: %w", one.Series, err)
		}
	}
	return nil
}

// checkSpace returns an error if the file system of dir has less than need bytes and a bit over.
func checkSpace(dir string, need int64) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("look at the free space of %s: %w", dir, err)
	}
	need += 64 << 20
	if free := int64(fs.Bavail) * int64(fs.Bsize); free < need { // an int32 on some machines
		return fmt.Errorf("no room: needs %d MB in %s, which has %d MB; set BPFX_VMTEST_CACHE to another place", need>>20, dir, free>>20)
	}
	return nil
}

// lockCache takes a lock on the cache: runs share it, a setup has it alone.
func lockCache(ctx context.Context, cache *Cache, how int, log io.Writer) (func(), error) {
	f, err := os.OpenFile(filepath.Join(cache.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the cache: %w", err)
	}
	for said := false; ; {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		if !said {
			fmt.Fprintf(log, "waiting for another vmtest that uses %s\n", cache.Dir)
			said = true
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
