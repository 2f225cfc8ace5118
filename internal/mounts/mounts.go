// Package mounts tells where filesystems are mounted.
package mounts

import (
	"io/fs"
	"slices"
	"strings"
)

// File lists the mounts that the calling thread sees
// (Documentation/filesystems/proc.rst, 3.5).
const File = "/proc/thread-self/mountinfo"

// Mount is a line of [File].
type Mount struct {
	Root string // what of the filesystem is mounted: "/" for all of it
	Dir  string // where
	Type string // such as "tracefs"
}

// Read returns all mounts, in the order of the file. root is the root
// directory of the machine.
func Read(root fs.FS) ([]Mount, error) {
	text, err := fs.ReadFile(root, strings.TrimPrefix(File, "/"))
	if err != nil {
		return nil, err
	}
	var list []Mount
	for line := range strings.Lines(string(text)) {
		// 36 35 98:0 /root /dir rw,noatime shared:1 - type source rw
		f := strings.Fields(line)
		if end := slices.Index(f, "-"); end > 4 && end+1 < len(f) {
			list = append(list, Mount{Root: unescape.Replace(f[3]), Dir: unescape.Replace(f[4]), Type: f[end+1]})
		}
	}
	return list, nil
}

// unescape gives back what would end a field (fs/proc_namespace.c, mangle).
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`, `\043`, "#")

// Of returns where the first filesystem of a type is mounted, "" if nowhere.
func Of(root fs.FS, fsType string) (string, error) {
	list, err := Read(root)
	if i := slices.IndexFunc(list, func(m Mount) bool { return m.Type == fsType }); i >= 0 {
		return list[i].Dir, nil
	}
	return "", err
}
