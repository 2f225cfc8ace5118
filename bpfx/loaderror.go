package bpfx

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
)

// memlockHint is what cilium/ebpf adds to every EPERM, whether or not the
// kernel accounts BPF memory against RLIMIT_MEMLOCK.
const memlockHint = " (MEMLOCK may be too low, consider rlimit.RemoveMemlock)"

// reworded is an error with another text.
type reworded struct {
	text string
	err  error
}

func (e *reworded) Error() string { return e.text }
func (e *reworded) Unwrap() error { return e.err }

// loadError says what could not be loaded and, for EPERM, the cause if one can
// be found out. types are the types of the programs that were to be loaded.
func loadError(what string, err error, types ...ebpf.ProgramType) error {
	text := strings.ReplaceAll(err.Error(), memlockHint, "")
	text = strings.TrimPrefix(text, "program : ") // of a collection of one
	text = strings.TrimPrefix(text, "load program: ")
	if tail := verifierTail(err); tail != "" && !strings.Contains(text, tail) {
		text += ": " + tail
	}
	if why := whyNotPermitted(err, types); why != "" {
		text += " (" + why + ")"
	}
	return &reworded{fmt.Sprintf("%s: %s", what, text), err}
}

// verifierTail returns the line of a verifier's log that tells why it rejected
// the program: the last one that is neither empty nor statistics. The one-line
// summary of cilium/ebpf takes an empty line for it on Linux 7.3.
func verifierTail(err error) string {
	var ve *ebpf.VerifierError
	if !errors.As(err, &ve) {
		return ""
	}
	for i := len(ve.Log) - 1; i >= 0; i-- {
		line := strings.TrimSpace(ve.Log[i])
		if line != "" && !isStatistics(line) {
			return line
		}
	}
	return ""
}

// isStatistics reports whether a line is one of those with which the verifier
// ends its log (kernel/bpf/verifier.c, print_verification_stats).
func isStatistics(line string) bool {
	for _, prefix := range []string{"processed ", "verification time ", "stack depth "} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}
