package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// checkPlaces reports programs for a place that another one has taken.
func (p *plan) checkPlaces() {
	taken := make(map[string]planned)
	for _, t := range p.programs {
		for _, place := range t.exclusive() {
			first, ok := taken[place]
			if !ok {
				taken[place] = t
				continue
			}
			p.report(t.name, fmt.Errorf("program %q is for %s, which leaves no room for this one: name one of them in LoadOnly or Skip, or set Hooks[%q]",
				first.name, first.describe(), t.name))
			break
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

// exclusive returns names of what t takes so that no other program can have
// it. What two hooks name in different ways, the kernel finds out.
func (t *planned) exclusive() []string {
	switch h := t.hook.(type) {
	case XDP: // one program in whatever mode, and one on the card
		h.Mode = max(h.Mode, XDPDriver)
		return []string{h.String()}
	case FlowDissector:
		return []string{h.String()}
	case Netfilter:
		h.Defrag = false
		return []string{h.String()}
	case Freplace:
		return []string{fmt.Sprintf("freplace %p %s", h.Target, h.Func)}
	case SkMsg:
		return []string{"sk_msg " + t.mapKey(h.Map)}
	case SkSkb:
		key := t.mapKey(h.Map)
		if h.Kind == SkSkbVerdict { // takes the place of both
			return []string{"stream_parser " + key, "stream_verdict " + key}
		}
		return []string{h.Kind.String() + " " + key}
	}
	return nil
}

// mapKey returns what tells the map of t's hook from others.
func (t *planned) mapKey(m *ebpf.Map) string {
	if m == nil {
		return t.mapName
	}
	return fmt.Sprintf("%p", m)
}
