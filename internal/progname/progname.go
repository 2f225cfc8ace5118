// Package progname finds out what programs are called.
package progname

import (
	"strings"

	"github.com/cilium/ebpf"
)

// Of returns the name of a program, "" if it has none. It is longer than the
// one that the kernel keeps.
func Of(p *ebpf.Program) string { return parse(p.String()) }

// parse takes the name out of what an ebpf.Program prints: Type(name)#fd, or
// Type(fd) without a name.
func parse(s string) string {
	_, name, _ := strings.Cut(s, "(")
	end := strings.LastIndex(name, ")#")
	if end < 0 {
		return ""
	}
	return name[:end]
}
