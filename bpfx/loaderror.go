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
	text := strings.ReplaceAll(verifierText(err), memlockHint, "")
	text = strings.TrimPrefix(text, "program : ") // of a collection of one
	text = strings.TrimPrefix(text, "load program: ")
	if why := whyNotPermitted(err, types...); why != "" {
		text += " (" + why + ")"
	}
	return &reworded{fmt.Sprintf("%s: %s", what, text), err}
}

// verifierText returns the text of err with the line of the verifier's log
// that tells why it rejected the program. The summary of cilium/ebpf is that
// line too, but for kernels that add a report to the log, as Linux 7.3 does:
// of those it takes an empty line.
func verifierText(err error) string {
	text := err.Error()
	var ve *ebpf.VerifierError
	if !errors.As(err, &ve) {
		return text
	}
	why := verdictLine(ve.Log)
	if why == "" || strings.Contains(text, why) {
		return text
	}
	return strings.Replace(text, ve.Error(), fmt.Sprintf("load program: %v: %s", ve.Cause, why), 1)
}

// verdictLine returns the line of a verifier's log that tells why it rejected
// the program: the last one that is neither empty, nor statistics, nor part of
// a report.
func verdictLine(log []string) string {
	verdict := ""
	for _, line := range log {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "Verification failed:") {
			if verdict == "" {
				return line
			}
			break
		}
		if line != "" && !isStatistics(line) {
			verdict = line
		}
	}
	return verdict
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
