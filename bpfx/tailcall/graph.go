package tailcall

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
)

// Graph says which programs of a chain call which others. It prints as a tree.
type Graph struct {
	// Nodes are the programs: the entry, further ones that are in no slot,
	// and those in slots, in the order of arrays and slots.
	Nodes []Node
	// Edges are the tail calls, by program and instruction.
	Edges []Edge
}

// Node is a program of a [Graph].
type Node struct {
	Name string
	Type ebpf.ProgramType
	Root bool // the entry, or a program that is in no slot
	// Unknown says that the program's calls are not known, since its
	// instructions can't be read.
	Unknown bool
}

// Edge is a tail call of a program. Calls in subprograms count as the
// program's.
type Edge struct {
	From, To    int // in Nodes; To is -1 if nothing is there to jump to
	Array       string
	Low, High   uint32 // the index is between them; they are the same if it is constant
	Instruction int    // counted as the kernel does, from 0
	Subprogram  string // the function that the call is in; "" for the program itself
	Slot        uint32 // the slot of To
}

// Constant reports whether the index of the call is always the same.
func (e *Edge) Constant() bool { return e.Low == e.High }

// String returns what is called and where, as in: jump_table[3], instruction 14.
func (e *Edge) String() string {
	array := e.Array
	if array == "" {
		array = "an unknown array"
	}
	var b strings.Builder
	switch {
	case e.Constant():
		fmt.Fprintf(&b, "%s[%d]", array, e.Low)
	case e.To < 0:
		fmt.Fprintf(&b, "%s[variable]", array)
	default:
		fmt.Fprintf(&b, "%s[%d], variable", array, e.Slot)
	}
	fmt.Fprintf(&b, ", instruction %d", e.Instruction)
	if e.Subprogram != "" {
		fmt.Fprintf(&b, " in %s", e.Subprogram)
	}
	return b.String()
}

// Graph returns which programs call which. It needs no kernel; the chain need
// not pass [Spec.Check].
func (s *Spec) Graph() *Graph {
	if s == nil {
		return new(Graph)
	}
	return newModel(s).graph()
}

// graph makes the graph.
func (m *model) graph() *Graph {
	g := new(Graph)
	at := make(map[*node]int)
	for i, n := range m.programs {
		at[n] = i
		g.Nodes = append(g.Nodes, Node{Name: n.name, Type: n.typ, Root: i < m.roots, Unknown: n.code == nil})
	}
	for i, n := range m.programs {
		for k := range n.calls {
			e := &n.calls[k]
			edge := Edge{From: i, To: -1, Low: e.lo, High: e.hi, Instruction: e.ins}
			if e.fn > 0 {
				edge.Subprogram = n.code.funcs[e.fn].name
			}
			if e.array != nil {
				edge.Array = e.array.name
			}
			before := len(g.Edges)
			e.targets(func(slot uint32, t *node) bool {
				edge.To, edge.Slot = at[t], slot
				g.Edges = append(g.Edges, edge)
				return true
			})
			if len(g.Edges) == before {
				g.Edges = append(g.Edges, edge)
			}
		}
	}
	return g
}

// String returns the graph as a tree, a line for each call. What a program
// calls is shown where it is first called.
func (g *Graph) String() string {
	if g == nil {
		return ""
	}
	t := tree{Graph: g, shown: make([]bool, len(g.Nodes)), open: make([]bool, len(g.Nodes))}
	for i, n := range g.Nodes {
		if n.Root {
			t.node(i, "", "", "")
		}
	}
	unreached := false
	for i, n := range g.Nodes {
		if !n.Root && !t.shown[i] {
			if !unreached {
				t.b.WriteString("not reached:\n")
			}
			unreached = true
			t.node(i, "  ", "  ", "")
		}
	}
	return strings.TrimSuffix(t.b.String(), "\n")
}

// tree prints a graph.
type tree struct {
	*Graph
	b           strings.Builder
	shown, open []bool
}

// node prints a program behind first, and what it calls behind rest.
func (t *tree) node(i int, first, rest, label string) {
	n := t.Nodes[i]
	calls := t.calls(i)
	fmt.Fprintf(&t.b, "%s%s", first, n.Name)
	switch {
	case n.Root:
		fmt.Fprintf(&t.b, " (%v)", n.Type)
	case label != "":
		fmt.Fprintf(&t.b, "  <- %s", label)
	}
	switch {
	case t.open[i]:
		t.b.WriteString(" (a circle)\n")
		return
	case t.shown[i] && len(calls) > 0:
		t.b.WriteString(" (see above)\n")
		return
	case n.Unknown:
		t.b.WriteString(" (its calls are not known)")
	}
	t.b.WriteByte('\n')
	t.shown[i], t.open[i] = true, true
	for k, e := range calls {
		branch, below := "├─ ", "│  "
		if k == len(calls)-1 {
			branch, below = "└─ ", "   "
		}
		if e.To < 0 {
			fmt.Fprintf(&t.b, "%s%snothing  <- %v\n", rest, branch, e)
			continue
		}
		t.node(e.To, rest+branch, rest+below, e.String())
	}
	t.open[i] = false
}

// calls returns the tail calls of a program, by slot.
func (t *tree) calls(i int) (list []*Edge) {
	for k := range t.Edges {
		if t.Edges[k].From == i {
			list = append(list, &t.Edges[k])
		}
	}
	slices.SortStableFunc(list, func(a, b *Edge) int {
		if a.Array != b.Array {
			return strings.Compare(a.Array, b.Array)
		}
		return int(int64(a.slot()) - int64(b.slot()))
	})
	return list
}

// slot returns what to sort by.
func (e *Edge) slot() uint32 {
	if e.To < 0 {
		return e.Low
	}
	return e.Slot
}

// DOT returns the graph in the language of Graphviz. Dashed edges are calls
// with a variable index; dotted ones lead nowhere.
func (g *Graph) DOT() string {
	var b strings.Builder
	b.WriteString("digraph chain {\n\trankdir=LR;\n\tnode [shape=box];\n")
	for i, n := range g.Nodes {
		attr := ""
		if n.Root {
			attr = ", penwidth=2"
		}
		fmt.Fprintf(&b, "\tn%d [label=%q%s];\n", i, n.Name, attr)
	}
	for i := range g.Edges {
		e := &g.Edges[i]
		switch {
		case e.To < 0:
			fmt.Fprintf(&b, "\tx%d [label=\"nothing\", shape=plaintext];\n\tn%d -> x%d [label=%q, style=dotted];\n", i, e.From, i, e)
		case e.Constant():
			fmt.Fprintf(&b, "\tn%d -> n%d [label=%q];\n", e.From, e.To, e)
		default:
			fmt.Fprintf(&b, "\tn%d -> n%d [label=%q, style=dashed];\n", e.From, e.To, e)
		}
	}
	b.WriteString("}\n")
	return b.String()
}
