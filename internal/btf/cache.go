package btf

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/cilium/ebpf/btf"
)

// Shared is the cache of this process.
var Shared = &Store{dir: "/sys/kernel/btf"}

// Store hands out a [btf.Cache] and knows when it is out of date. Its methods
// may be called from many goroutines.
type Store struct {
	dir string

	mu      sync.Mutex
	cache   *btf.Cache
	modules string // what dir held when cache was made
}

// Cache returns the cache. It is empty until a load needs it.
func (s *Store) Cache() *btf.Cache {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cache == nil {
		s.cache, s.modules = btf.NewCache(), s.listing()
	}
	return s.cache
}

// Renew replaces old if modules were loaded, unloaded or loaded again since it
// was made: a [btf.Cache] remembers for ever the ones it has seen. Reports
// whether Cache now returns another one than old.
func (s *Store) Renew(old *btf.Cache) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cache != old {
		return true
	}
	now := s.listing()
	if now == s.modules {
		return false
	}
	s.cache, s.modules = btf.NewCache(), now
	return true
}

// Release drops the cache. Loads that are under way keep theirs.
func (s *Store) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cache, s.modules = nil, ""
}

// listing is what changes when modules come or go.
func (s *Store) listing() string { return Listing(s.dir) }

// Listing returns the names of the modules that have BTF in a directory, with
// the inode of each, which changes when a module is loaded again.
func Listing(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err.Error() // as good as a listing: it changes when it becomes readable
	}
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintln(&b, e.Name(), inode(e))
	}
	return b.String()
}
