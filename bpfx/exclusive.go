package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// checkPlaces reports programs for a place that another one has taken.
func (p *plan) checkPlaces() {
	taken := make(map[string]planned)
	for _, t := range p.programs {
		place := t.exclusive()
		first, ok := taken[place]
		switch {
		case place == "":
		case ok:
			p.report(t.name, fmt.Errorf("program %q is for %s, which leaves no room for this one: name one of them in LoadOnly or Skip, or set Hooks[%q]",
				first.name, first.describe(), t.name))
		default:
			taken[place] = t
		}
	}
}

// describe returns the hook, with the map of the object that it is to have.
func (t *planned) describe() string {
	if t.mapName == "" {
		return t.hook.String()
	}
	if h, ok := t.hook.(SkSkb); ok {
		return fmt.Sprintf("sk_skb/%v of map %q", h.Kind, t.mapName)
	}
	return fmt.Sprintf("sk_msg of map %q", t.mapName)
}

// exclusive returns a name of what t takes so that no other program can have
// it, "" if there is room. What two hooks name in different ways, the kernel
// finds out.
func (t *planned) exclusive() string {
	switch h := t.hook.(type) {
	case XDP: // one program in whatever mode, and one on the card
		h.Mode = max(h.Mode, XDPDriver)
		return h.String()
	case FlowDissector:
		return h.String()
	case Netfilter:
		h.Defrag = false
		return h.String()
	case Freplace:
		return fmt.Sprintf("freplace %p %s", h.Target, h.Func)
	case SkMsg:
		return "sk_msg " + t.mapKey(h.Map)
	case SkSkb:
		kind := h.Kind
		if kind == SkSkbVerdict { // a map has one verdict or the other
			kind = SkSkbStreamVerdict
		}
		return kind.String() + " " + t.mapKey(h.Map)
	}
	return ""
}

// mapKey returns what tells the map of t's hook from others.
func (t *planned) mapKey(m *ebpf.Map) string {
	if m == nil {
		return t.mapName
	}
	return fmt.Sprintf("%p", m)
}
