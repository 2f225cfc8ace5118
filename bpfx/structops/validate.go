package structops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/internal/nearest"
)

// Validate checks s against a type and finds everything that is wrong with it
// before the kernel sees any of it, whose own answer is mostly EINVAL. Where
// this package has [Rules] for the type, which it does for
// [TCPCongestionOps], they are checked too. t may be of another kernel (see
// [ParseTypes]); nil is the type of the running one, with the rules of
// Spec.Kernel.
//
// Returns a [*ValidationError] with all findings, or the error of [Lookup].
// That it returns nil doesn't mean that the verifier accepts the programs.
func Validate(s *Spec, t *Type) error {
	if s == nil {
		return &ValidationError{Spec: s.String(), Findings: []Finding{{Rule: RuleSpec, Detail: errNilSpec.Error()}}}
	}
	if t == nil {
		var err error
		if t, err = s.lookup(); err != nil {
			return fmt.Errorf("validate: %w", err)
		}
	}
	c := checker{s: s, t: t, rules: RulesFor(t.Name)}
	c.check()
	if len(c.found) == 0 {
		return nil
	}
	sortFindings(c.found)
	return &ValidationError{Spec: s.String(), Kernel: t.Kernel, Findings: c.found}
}

// checker collects findings.
type checker struct {
	s     *Spec
	t     *Type
	rules *Rules
	found []Finding
}

func (c *checker) report(member string, rule Rule, format string, args ...any) {
	c.found = append(c.found, Finding{Member: member, Rule: rule, Detail: fmt.Sprintf(format, args...)})
}

func (c *checker) check() {
	if c.s.Type != c.t.Name {
		c.report("", RuleSpec, "it is of type %q, checked against %q", c.s.Type, c.t.Name)
		return
	}
	for _, name := range c.s.members() {
		m, ok := c.t.Member(name)
		if !ok {
			c.unknown(name)
			continue
		}
		spec, isFunc := c.s.Funcs[name]
		value, isData := c.s.Data[name]
		switch {
		case isFunc && !m.Func:
			c.report(name, RuleKind, "it is data (%s), not a function: put its value into Data", m)
		case isData && m.Func:
			c.report(name, RuleKind, "it is a function, not data: put its program into Funcs")
		case isFunc:
			c.function(m, spec)
		case isData:
			c.value(m, value)
		}
	}
	c.name()
	c.needs()
}

// unknown reports a member that the type doesn't have.
func (c *checker) unknown(name string) {
	f := Finding{Member: name, Rule: RuleUnknown, Detail: fmt.Sprintf("%s has no such member", c.t.Name)}
	if since, until := c.rules.lifetime(name); since != "" && !atLeast(c.t.Kernel, since) {
		f.Since = since
		f.Detail += fmt.Sprintf(": exists since %s, this is %s", since, c.t.Kernel)
	} else if until != "" {
		f.Detail += ": existed until " + until
	} else {
		near := nearest.New(name)
		for _, m := range c.t.Members {
			near.Add(m.Name, m.Name)
			if strings.Contains(m.Name, name) && m.Name != name || strings.Contains(name, m.Name) {
				near.Add(name, m.Name) // as tso_segs is in min_tso_segs
			}
		}
		f.Detail += nearest.List(near.Names())
	}
	c.found = append(c.found, f)
}

// needs checks what the rules say of members, set or not.
func (c *checker) needs() {
	if c.rules == nil {
		return
	}
	either, have := []string(nil), false
	for _, m := range c.t.Members {
		r, ok := c.rules.Member(m.Name, c.t.Kernel)
		if !ok {
			continue
		}
		_, set := c.s.Funcs[m.Name]
		switch {
		case r.Need == Required && m.Func && !set:
			text := "the kernel requires it: it " + r.Doc
			if later, ok := c.rules.Member(m.Name, ""); ok && later.Need != Required {
				c.found = append(c.found, Finding{m.Name, RuleMissing, text + "; no longer from " + later.Since + " on" + byNumber, later.Since})
				continue
			}
			c.report(m.Name, RuleMissing, "%s", text)
		case r.Need == Unsupported && set:
			c.report(m.Name, RuleUnsupported, "the kernel doesn't let BPF implement it: leave it out")
		case r.Need == Either:
			either = append(either, m.Name)
			have = have || set
		}
	}
	if len(either) > 0 && !have {
		slices.Sort(either)
		c.report(either[0], RuleMissing, "the kernel requires one of %s", strings.Join(either, ", "))
	}
}

// name checks the name by which the operations are known.
func (c *checker) name() {
	m, ok := c.t.Member("name")
	if !ok || !m.chars {
		return
	}
	if v, set := c.s.Data["name"]; set {
		c.report("name", RuleKind, "set Spec.Name, not Data (%v)", v)
		return
	}
	r, ok := c.rules.Member("name", c.t.Kernel)
	strict := ok && r.Need == Required
	switch {
	case c.s.Name == "" && strict:
		c.report("name", RuleName, "it is empty: sockets couldn't ask for it")
	case len(c.s.Name) >= m.Size:
		c.report("name", RuleName, "%q has %d characters, %d is the most", c.s.Name, len(c.s.Name), m.Size-1)
	case strict && strings.IndexFunc(c.s.Name, notObjectName) >= 0:
		c.report("name", RuleName, "%q has other characters than A-Z a-z 0-9 _ .", c.s.Name)
	}
}

// notObjectName reports whether a character may not be in the name of a BPF
// object (kernel/bpf/syscall.c, bpf_obj_name_cpy).
func notObjectName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '.'
}

// value checks a data member.
func (c *checker) value(m Member, v any) {
	if m.Name == "name" && m.chars {
		return // of name
	}
	b, err := m.encode(v)
	if err != nil {
		c.report(m.Name, RuleValue, "%v", err)
		return
	}
	r, ok := c.rules.Member(m.Name, c.t.Kernel)
	if !ok {
		return
	}
	switch {
	case r.Need == Zero && !isZero(b):
		c.report(m.Name, RuleZero, "the kernel fills it in: leave it out")
	case m.Name == "flags" && len(c.rules.Flags) > 0:
		mask := c.rules.flagMask(c.t.Kernel)
		if bits := uint32(toUint(b)) &^ mask; bits != 0 {
			c.report(m.Name, RuleFlags, "the kernel doesn't know bits %#x; it takes %s%s", bits, c.flagList(), byNumber)
		}
	}
}

// flagList names the flags that the kernel takes.
func (c *checker) flagList() string {
	var list []string
	for _, f := range c.rules.Flags {
		if atLeast(c.t.Kernel, f.Since) {
			list = append(list, fmt.Sprintf("%s (%#x)", f.Name, f.Bit))
		}
	}
	return strings.Join(list, ", ")
}

// programType reports a program that isn't for struct_ops. Load sets the type
// of one that has none.
func programType(spec *ebpf.ProgramSpec) bool {
	return spec.Type == ebpf.UnspecifiedProgram || spec.Type == ebpf.StructOps
}
