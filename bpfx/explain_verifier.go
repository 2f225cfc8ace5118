package bpfx

import (
	"errors"
	"strings"

	"github.com/cilium/ebpf"
)

// rejection is what a verifier's log says of why it rejected a program.
type rejection struct {
	message     string // why
	instruction string // the last one that it looked at: "7: r0 = *(u8 *)(r2 +0)"
	source      string // the line of source code that it belongs to, if the program has BTF
	suggestion  string // what Linux 7.3 and newer recommend
}

// readLog reads a verifier's log: instructions that it walks through, states,
// lines of source code, and last its verdict, which may have several lines.
// Linux 7.3 puts a report behind that.
func readLog(log []string) rejection {
	var r rejection
	var verdict []string
	for i, line := range log {
		switch kind, text := classify(line); kind {
		case logReport:
			r.readReport(log[i:], &verdict)
			r.message = join(verdict)
			return r
		case logInstruction:
			r.instruction = text
			verdict = verdict[:0]
		case logState:
			verdict = verdict[:0]
		case logSource:
			r.source = text
		case logMessage:
			verdict = append(verdict, text)
		}
	}
	r.message = join(verdict)
	return r
}

// join returns the last two of a verdict's lines: "invalid access to packet,
// ..." and "R2 offset is outside of the packet".
func join(verdict []string) string {
	return strings.Join(verdict[max(0, len(verdict)-2):], "; ")
}

// readReport reads the report of Linux 7.3 and newer (kernel/bpf/diagnostics.c).
// Its title serves as verdict if there is no other.
func (r *rejection) readReport(lines []string, verdict *[]string) {
	section := ""
	var suggestion []string
	for _, line := range lines {
		text := strings.TrimSpace(line)
		title, isTitle := strings.CutPrefix(text, "Verification failed:")
		switch {
		case isTitle:
			if len(*verdict) == 0 {
				*verdict = append(*verdict, strings.TrimSpace(title))
			}
		case text == "":
			section = ""
		case line == text && strings.HasSuffix(text, ":"):
			section = text
		case section == "Suggestion:":
			suggestion = append(suggestion, text)
		case section == "At:" && r.instruction == "":
			if number, insn, ok := strings.Cut(strings.TrimPrefix(text, ">>> "), " | ("); ok && strings.HasPrefix(text, ">>> ") {
				_, insn, _ = strings.Cut(insn, ") ")
				r.instruction = strings.TrimSpace(number) + ": " + insn
			}
		}
	}
	r.suggestion = strings.TrimSuffix(strings.Join(suggestion, " "), ".")
}

// The kinds of lines in a verifier's log.
type logKind int

const (
	logNoise logKind = iota
	logInstruction
	logState
	logSource
	logMessage
	logReport
)

// noise is how lines start that are neither instruction nor verdict
// (kernel/bpf/verifier.c, print_verification_stats for the first three).
var noise = []string{
	"processed ", "verification time ", "stack depth ",
	"cur state:", "old state:", "mark_precise: ", "last_idx ", "regs=", "parent ", "propagating ",
	"func#", "Func#", "Validating ", "caller:", "callee:", "returning from callee:", "to caller at ",
	"live regs before insn:",
}

// classify returns what a line of a verifier's log is, and its text.
func classify(line string) (logKind, string) {
	line = strings.TrimSpace(line)
	if line == "" {
		return logNoise, ""
	}
	for _, prefix := range noise {
		if strings.HasPrefix(line, prefix) {
			return logNoise, ""
		}
	}
	if source, ok := strings.CutPrefix(line, "; "); ok {
		return logSource, strings.TrimSpace(source)
	}
	if strings.HasPrefix(line, "Verification failed:") {
		return logReport, ""
	}
	number, rest, ok := strings.Cut(line, ": ")
	if from, jump := strings.CutPrefix(number, "from "); jump && strings.Contains(from, " to ") {
		return logState, ""
	}
	if !ok || !isNumber(number) {
		return logMessage, line
	}
	// 7: (71) r0 = *(u8 *)(r2 +0)       ; R0_w=scalar()
	if len(rest) > 5 && rest[0] == '(' && rest[3] == ')' {
		insn, _, _ := strings.Cut(rest[5:], " ; ")
		return logInstruction, number + ": " + strings.TrimSpace(insn)
	}
	return logState, ""
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// finding returns what a log says as a finding, nil if it says nothing.
func (r rejection) finding() *finding {
	if r.message == "" {
		return nil
	}
	f := &finding{
		why:    "the verifier rejects it: " + r.message,
		remedy: `the whole log is in the error: fmt.Printf("%+v", err) of the *ebpf.VerifierError`,
	}
	if r.instruction != "" {
		f.why += " (at " + r.instruction + ")"
		f.evidence = append(f.evidence, "the verifier's log ends at instruction "+r.instruction)
	}
	if r.source != "" {
		f.evidence = append(f.evidence, "source: "+r.source)
	}
	if r.suggestion != "" {
		f.remedy = r.suggestion
	}
	return f
}

// verifierLog returns the log of the verifier's error in err.
func verifierLog(err error) (log []string, rejected bool) {
	var ve *ebpf.VerifierError
	if !errors.As(err, &ve) {
		return nil, false
	}
	return ve.Log, true
}

// findRejection explains a verifier's error of a program that was loaded
// without this package.
func findRejection(err error) *finding {
	log, _ := verifierLog(err)
	return readLog(log).finding()
}
