package testpkt

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
)

// ErrNoCases is returned when there are no cases to check.
var ErrNoCases = errors.New("no cases")

// Case is a packet and what a program is to do with it.
type Case struct {
	// Name tells the case from others. Each needs one of its own.
	Name string

	// Packet is what the program is given, such as the result of [MustBuild].
	// Programs that aren't given packets, such as sk_lookup, need none.
	Packet []byte

	// Context is the program's context; see [bpfx.RunInput].
	Context any

	// Verdict is what the program is to return: the kernel's name of it, such
	// as XDP_DROP, or a number. It must be given.
	Verdict string

	// Want is the packet that the program is to leave behind; if it isn't to
	// change it, that is Packet. Nil: any. It is compared field by field, as
	// [Diff] does. The outermost VLAN tag that a tc program pushes isn't part
	// of it: the kernel keeps that beside the packet, as for a network card.
	Want []byte

	// Ignore is what of Want doesn't matter, as [Ignore] has it: for example
	// "*.Checksum".
	Ignore []string

	// Match is layers that the packet that is left behind has to have, as
	// [Match] looks for them: their zero fields don't matter. Empty: any.
	Match []Layer

	// Verify checks what else came of the run, such as the context, and returns
	// what is wrong with it. Nil: nothing is.
	Verify func(bpfx.Result) error
}

// A CaseError says in which case a program didn't do what it was to, or what
// is wrong with the case.
type CaseError struct {
	Case  string // its name, or its number if it has none
	Field string // of Case or, with a dot, of the packet, such as "IPv4.TTL"; may be empty
	Err   error  // what is wrong
}

// Error returns one line with case, field and what is wrong.
func (e *CaseError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("case %q: %v", e.Case, e.Err)
	}
	return fmt.Sprintf("case %q: %s: %v", e.Case, e.Field, e.Err)
}

// Unwrap returns what is wrong.
func (e *CaseError) Unwrap() error { return e.Err }

// Check runs a program over the packet of each case, in order, and compares
// what it does with what it is to do. It is for tests:
//
//	if err := testpkt.Check(prog, cases); err != nil {
//		t.Error(err)
//	}
//
// Returns nil if all is as expected. Otherwise the error joins a [*CaseError]
// for everything that isn't, one line each:
//
//	case "vlan pushed": IPv4.TTL: want 63, got 64
//
// A case that can't be right is an error too, and isn't run: without a name,
// with the name of another, without a verdict or with one that programs of the
// type don't have, with a packet wanted from a type that leaves none. So is a
// run that fails. Returns an error wrapping [ErrNoCases] if there are none.
func Check(prog Runner, cases []Case) error {
	typ, err := typeOf(prog)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	if len(cases) == 0 {
		return fmt.Errorf("check: %w", ErrNoCases)
	}
	var errs []error
	names := make(map[string]bool)
	for i := range cases {
		c := checker{Case: &cases[i], name: cases[i].Name, typ: typ}
		switch {
		case c.Name == "":
			c.name = strconv.Itoa(i)
			c.complain("Name", "none is given, want one")
		case names[c.Name]:
			c.complain("Name", "another case has it too")
		}
		names[c.Name] = true
		if c.possible(); len(c.errs) == 0 {
			c.run(prog)
		}
		errs = append(errs, c.errs...)
	}
	return errors.Join(errs...)
}

// checker is a case that is checked.
type checker struct {
	*Case
	name string
	typ  ebpf.ProgramType
	errs []error
}

func (c *checker) add(field string, err error) {
	c.errs = append(c.errs, &CaseError{Case: c.name, Field: field, Err: err})
}

// addAll adds an error, or each that it joins: [Match] returns such.
func (c *checker) addAll(err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok && strings.Contains(err.Error(), "\n") {
		for _, err := range joined.Unwrap() {
			c.add("", err)
		}
		return
	}
	c.add("", err)
}

func (c *checker) complain(field, format string, args ...any) {
	c.add(field, fmt.Errorf(format, args...))
}

// possible complains about what can't be.
func (c *checker) possible() {
	if err := checkVerdict(c.typ, c.Verdict); err != nil {
		c.add("Verdict", err)
	}
	if !leavesPacket(c.typ) {
		const none = "test runs of %v programs leave no packet, use Verify"
		if c.Want != nil {
			c.complain("Want", none, c.typ)
		}
		if len(c.Match) > 0 {
			c.complain("Match", none, c.typ)
		}
	}
	if len(c.Ignore) > 0 && c.Want == nil {
		c.complain("Ignore", "there is no Want that it could be ignored in")
	}
}

// run runs the program and complains about what came of it.
func (c *checker) run(prog Runner) {
	res, err := prog.Run(bpfx.RunInput{Data: c.Packet, Context: c.Context})
	if err != nil {
		c.add("", err)
		return
	}
	if !sameVerdict(c.Verdict, res) {
		c.complain("Verdict", "want %s, got %s", c.Verdict, verdictOf(res))
	}
	left := packetLeft(c.typ, c.Packet, res)
	if left != nil {
		res.Data = left
	}
	if left == nil && (c.Want != nil || len(c.Match) > 0) {
		c.complain("", "the run left no packet")
	} else {
		c.packet(left)
	}
	if c.Verify != nil {
		c.addAll(c.Verify(res))
	}
}

// packet complains about the packet that is left.
func (c *checker) packet(left []byte) {
	if c.Want != nil {
		c.lines(Diff(c.Want, left, Ignore(c.Ignore...)))
	}
	if err := Match(left, c.Match...); err != nil {
		c.lines(err.Error())
	}
}

// lines complains line by line, about the field that each starts with.
func (c *checker) lines(text string) {
	for line := range strings.Lines(text) {
		field, what, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok {
			field, what = "", field
		}
		c.add(field, errors.New(what))
	}
}
