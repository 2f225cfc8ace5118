package bpfx

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
)

// maxMulti is how many functions one link may have (kernel/trace/bpf_trace.c,
// MAX_KPROBE_MULTI_CNT and MAX_UPROBE_MULTI_CNT).
const maxMulti = 1 << 20

// Attach attaches p, which must be of type [ebpf.Kprobe] and loaded for
// kprobe.multi. See [Attach].
func (h KprobeMulti) Attach(p *ebpf.Program) (*Attachment, error) {
	return h.attach(p, link.KprobeMulti, false)
}

// Attach attaches p, which must be of type [ebpf.Kprobe] and loaded for
// kprobe.multi. See [Attach].
func (h KretprobeMulti) Attach(p *ebpf.Program) (*Attachment, error) {
	return KprobeMulti(h).attach(p, link.KretprobeMulti, false)
}

// Attach attaches p, which must be of type [ebpf.Kprobe] and loaded for
// kprobe.session. See [Attach].
func (h KprobeSession) Attach(p *ebpf.Program) (*Attachment, error) {
	return KprobeMulti(h).attach(p, link.KprobeMulti, true)
}

type multiFunc func(*ebpf.Program, link.KprobeMultiOptions) (link.Link, error)

func (h KprobeMulti) attach(p *ebpf.Program, probe multiFunc, session bool) (*Attachment, error) {
	if err := checkProgram(p, ebpf.Kprobe); err != nil {
		return nil, err
	}
	symbols, err := multiSymbols(h.Pattern, h.Symbols, h.Cookies, tracedFunctions)
	if err != nil {
		return nil, err
	}
	l, err := probe(p, link.KprobeMultiOptions{Symbols: symbols, Cookies: h.Cookies, Session: session})
	if err != nil {
		return nil, later(err, func() *finding { return thisMachine.multiFailed(symbols, err) })
	}
	return NewAttachment(l), nil
}

// multiSymbols returns the functions that a hook with these fields means. all
// lists those that a pattern can match.
func multiSymbols(pattern string, symbols []string, cookies []uint64, all func() ([]string, error)) ([]string, error) {
	switch {
	case pattern != "" && len(symbols) > 0:
		return nil, errors.New("two lists of functions: set Symbols or Pattern")
	case pattern != "" && len(cookies) > 0:
		return nil, errors.New("a Pattern takes no Cookies: they go with Symbols")
	case len(cookies) > 0 && len(cookies) != len(symbols):
		return nil, fmt.Errorf("%d Cookies for %d Symbols: give one for each", len(cookies), len(symbols))
	case len(symbols) > maxMulti:
		return nil, fmt.Errorf("%d functions: the kernel takes %d at a time", len(symbols), maxMulti)
	case pattern != "":
		return matchSymbols(pattern, all)
	case len(symbols) == 0:
		return nil, errors.New("no functions: set Symbols or Pattern")
	}
	return symbols, nil
}

// matchSymbols returns those of all that match pattern, each once.
func matchSymbols(pattern string, all func() ([]string, error)) ([]string, error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	names, err := all()
	if err != nil {
		return nil, err
	}
	matched := slices.DeleteFunc(names, func(name string) bool {
		ok, _ := path.Match(pattern, name) // the pattern is well formed
		return !ok
	})
	slices.Sort(matched)
	matched = slices.Compact(matched)
	switch n := len(matched); {
	case n == 0:
		return nil, fmt.Errorf("pattern %q matches none of the functions that can be traced: %w", pattern, os.ErrNotExist)
	case n > maxMulti:
		return nil, fmt.Errorf("pattern %q matches %d functions: the kernel takes %d at a time", pattern, n, maxMulti)
	}
	return matched, nil
}

// tracedFunctions returns the functions that the kernel can trace, as
// Documentation/trace/ftrace.rst says. Some names appear more than once.
func tracedFunctions() ([]string, error) {
	text, err := readTracefs("available_filter_functions")
	if err != nil {
		if err := features.HaveBPFLinkKprobeMulti(); err != nil {
			return nil, err // then that is the reason
		}
		return nil, fmt.Errorf("list the functions that can be traced: %w", err)
	}
	return tracedNames(text), nil
}

// tracedNames returns the names in the text of available_filter_functions.
func tracedNames(text string) []string {
	// What the kernel says of places whose function it doesn't know
	// (kernel/trace/ftrace.c, FTRACE_INVALID_FUNCTION).
	const unknown = "__ftrace_invalid_address__"
	var names []string
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ") // "name" or "name [module]"
		if name != "" && !strings.HasPrefix(name, unknown) {
			names = append(names, name)
		}
	}
	return names
}

// readTracefs returns a file of tracefs, from either of the two places where
// it is mounted.
func readTracefs(name string) (string, error) {
	var first error
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			return string(text), nil
		}
		if first == nil {
			first = err
		}
	}
	return "", first
}
