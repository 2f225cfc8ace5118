package btf

import (
	"os"
	"syscall"
)

func inode(e os.DirEntry) uint64 {
	info, err := e.Info()
	if err != nil {
		return 0
	}
	return info.Sys().(*syscall.Stat_t).Ino
}
