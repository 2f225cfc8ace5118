package bpfx

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
)

// object returns an object with a program in each of the sections, and maps.
func object(tb testing.TB, sections map[string]string, maps map[string]*ebpf.MapSpec) *ebpf.CollectionSpec {
	tb.Helper()
	spec := mustParse(tb, sections)
	spec.Maps = maps
	return spec
}

// nowhere is a hook that attaches to nothing.
func nowhere(name string) Hook {
	return HookFunc(name, func(*ebpf.Program) (*Attachment, error) {
		return AttachmentFunc(func() error { return nil }), nil
	})
}

var (
	sockmap  = &ebpf.MapSpec{Type: ebpf.SockMap, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	sockhash = &ebpf.MapSpec{Type: ebpf.SockHash, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	structOp = &ebpf.MapSpec{Type: ebpf.StructOpsMap}
	stages   = &ebpf.MapSpec{Type: ebpf.ProgramArray, Contents: []ebpf.MapKV{{Key: uint32(3), Value: "next"}}}
)

func TestPlan(t *testing.T) {
	for _, tt := range []struct {
		name     string
		sections map[string]string
		maps     map[string]*ebpf.MapSpec
		opts     *AttachOptions
		want     []string // of each program: what is to become of it
	}{
		{
			name: "all said",
			sections: map[string]string{
				"b": "kprobe/tcp_connect", "a": "fentry/tcp_connect", "c": "tp/sched/sched_switch", "d": "?kprobe/gone",
			},
			want: []string{
				`a: fentry "tcp_connect"`, `b: kprobe "tcp_connect"`, `c: tracepoint "sched/sched_switch"`,
				"d: unloaded, optional, and not named in Optional",
			},
		},
		{
			name:     "options",
			sections: map[string]string{"x": "xdp", "i": "tcx/ingress", "l": "sk_lookup", "p": "perf_event", "n": "netfilter"},
			opts: &AttachOptions{
				Interface: "lo", PerfEvent: PerfEvent{Frequency: 7},
				Netfilter: &Netfilter{Hook: NetfilterLocalOut, Priority: -7},
			},
			want: []string{
				`i: tcx/ingress "lo"`, "l: sk_lookup netns current", "n: netfilter ipv4/local_out priority -7",
				"p: perf_event cpu-clock at 7 Hz", `x: xdp "lo"`,
			},
		},
		{
			name: "hooks",
			sections: map[string]string{
				"a": "xdp", "b": "xdp", "c": "tc", "d": "socket", "e": "?kprobe/f", "f": "fexit/tcp_connect", "g": "nonsense",
			},
			opts: &AttachOptions{
				Interface: "lo",
				Hooks: map[string]Hook{
					"b": &XDP{Interface: "lo", Mode: XDPOffload}, "c": TCX{Direction: TCXEgress}, "d": nowhere("there"),
					"e": Kprobe{Symbol: "other"}, "f": Fentry{Cookie: 1}, "g": RawTracepoint{Name: "sched_switch"},
				},
			},
			want: []string{
				`a: xdp "lo"`, `b: changed, xdp "lo" (offload)`, `c: changed, tcx/egress "lo"`, "d: changed, there",
				`e: changed, kprobe "other"`, `f: changed, fentry "tcp_connect"`, `g: changed, raw_tracepoint "sched_switch"`,
			},
		},
		{
			name:     "lists",
			sections: map[string]string{"a": "xdp", "b": "xdp", "c": "iter/task", "d": "?xdp", "e": "?nonsense", "f": "nonsense", "next": "xdp"},
			maps:     map[string]*ebpf.MapSpec{"stages": stages},
			opts: &AttachOptions{
				Skip: []string{"a", "b", "f"}, LoadOnly: []string{"c", "next"}, Optional: []string{"d"}, Interface: "lo",
			},
			want: []string{
				"a: unloaded, named in Skip", "b: unloaded, named in Skip", "c: named in LoadOnly", `d: xdp "lo"`,
				"e: unloaded, optional, and not named in Optional", "f: unloaded, named in Skip", "next: named in LoadOnly",
			},
		},
		{
			name:     "the one map",
			sections: map[string]string{"m": "sk_msg", "p": "sk_skb/stream_parser", "v": "sk_skb/stream_verdict"},
			maps:     map[string]*ebpf.MapSpec{"socks": sockmap, "other": {Type: ebpf.Hash}},
			want:     []string{`m: sk_msg of map "socks"`, `p: sk_skb/stream_parser of map "socks"`, `v: sk_skb/stream_verdict of map "socks"`},
		},
		{
			name:     "several maps",
			sections: map[string]string{"m": "sk_msg", "p": "sk_skb/stream_parser", "v": "sk_skb/verdict"},
			maps:     map[string]*ebpf.MapSpec{"one": sockmap, "two": sockhash},
			opts:     &AttachOptions{Map: "one", Maps: map[string]string{"v": "two"}},
			want:     []string{`m: sk_msg of map "one"`, `p: sk_skb/stream_parser of map "one"`, `v: sk_skb/verdict of map "two"`},
		},
		{
			name:     "a kind of one's own",
			sections: map[string]string{"m": "sk_skb"},
			maps:     map[string]*ebpf.MapSpec{"socks": sockmap},
			opts:     &AttachOptions{Hooks: map[string]Hook{"m": SkSkb{Kind: SkSkbVerdict}}},
			want:     []string{`m: changed, sk_skb/verdict of map "socks"`},
		},
		{
			name:     "struct_ops skipped",
			sections: map[string]string{"init": "struct_ops/init", "x": "xdp"},
			maps:     map[string]*ebpf.MapSpec{"cc": structOp},
			opts:     &AttachOptions{Skip: []string{"cc"}, Interface: "lo"},
			want:     []string{"init: unloaded, struct_ops, as its map", `x: xdp "lo"`},
		},
		{
			name:     "struct_ops loaded",
			sections: map[string]string{"init": "struct_ops/init"},
			maps:     map[string]*ebpf.MapSpec{"cc": structOp},
			opts:     &AttachOptions{LoadOnly: []string{"cc"}},
			want:     []string{"init: struct_ops, as its map"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := newPlan(object(t, tt.sections, tt.maps), tt.opts, false)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range plan.programs {
				s := p.name + ": "
				if p.unloaded {
					s += "unloaded, "
				}
				if p.changed {
					s += "changed, "
				}
				if p.hook != nil {
					s += p.describe()
				}
				got = append(got, s+p.why)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlanFindings wants everything that is wrong, in the order of names.
func TestPlanFindings(t *testing.T) {
	spec := object(t, map[string]string{
		"a_ok":       "raw_tp/sched_switch",
		"b_plain":    "kprobe",
		"c_xdp":      "xdp",
		"d_cgroup":   "cgroup/connect4",
		"e_nf":       "netfilter",
		"f_map":      "sk_msg",
		"g_replace":  "freplace/parse",
		"h_iter":     "iter/task",
		"i_odd":      "kprobs/tcp_connect",
		"j_file":     "uprobe/no-such-program:main",
		"k_both":     "xdp",
		"l_nil":      "xdp",
		"m_nil":      "xdp",
		"n_optional": "?xdp",
		"o_type":     "cgroup/skb",
		"next":       "xdp",
	}, map[string]*ebpf.MapSpec{"one": sockmap, "two": sockmap, "cc": structOp, "stages": stages})
	spec.Programs["q_none"] = nil
	_, err := newPlan(spec, &AttachOptions{
		Skip: []string{"k_both", "next", "zz"},
		Hooks: map[string]Hook{
			"k_both": XDP{}, "l_nil": nil, "m_nil": (*XDP)(nil), "o_type": Cgroup{Path: "/", AttachType: ebpf.AttachXDP},
			"yy": XDP{},
		},
		Maps: map[string]string{"f_map": "three"},
	}, false)
	if err == nil {
		t.Fatal("no error")
	}
	got := strings.Split(err.Error(), "\n")
	want := []string{
		`program "b_plain" (section "kprobe"): the section name doesn't say where (kprobe/FUNCTION); set Hooks["b_plain"], or name it in LoadOnly or Skip`,
		`program "c_xdp" (section "xdp"): no interface: set Interface or Hooks["c_xdp"]`,
		`struct_ops map "cc" isn't attached here: use package structops for it, and name it in Skip (or LoadOnly)`,
		`program "d_cgroup" (section "cgroup/connect4"): no cgroup: set Cgroup or Hooks["d_cgroup"]`,
		`program "e_nf" (section "netfilter"): no hook of netfilter: set Netfilter or Hooks["e_nf"]`,
		`program "f_map" (section "sk_msg"): Maps["f_map"] is "three", which is not a sockmap or sockhash of the object; it has one, two`,
		`program "g_replace" (section "freplace/parse"): no program whose function to replace: set Target or Hooks["g_replace"]`,
		`program "h_iter" (section "iter/task"): iterators are opened and read, not attached (iter.Open of package bpfx/iter); set Hooks["h_iter"], or name it in LoadOnly or Skip`,
		`program "i_odd" (section "kprobs/tcp_connect"): no section of that name is known to libbpf, so the program has no type (is it misspelt?); set Hooks["i_odd"], or name it in LoadOnly or Skip`,
		`program "j_file" (section "uprobe/no-such-program:main"): file "no-such-program" is in none of ` + os.Getenv("PATH") + `:/usr/bin:/usr/sbin: file does not exist`,
		`program "k_both" (section "xdp"): it is named in Hooks and Skip: take it out of all but one`,
		`program "l_nil" (section "xdp"): in Hooks: nil hook: say where to attach`,
		`program "m_nil" (section "xdp"): in Hooks: nil hook: say where to attach`,
		`program "next" (section "xdp"): slot 3 of map "stages" needs it (named in Skip): name it in LoadOnly`,
	}
	tail := []string{
		`program "q_none": nil spec`,
		`program "yy": Hooks names it, but the object has no such program; it has `,
		`program "zz": Skip names it, but the object has no such program; it has `,
	}
	if len(got) != len(want)+1+len(tail) {
		t.Fatalf("%d findings, want %d:\n%v", len(got), len(want)+1+len(tail), err)
	}
	if diff := cmp.Diff(want, got[:len(want)]); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if o := got[len(want)]; !strings.HasPrefix(o, `program "o_type" (section "cgroup/skb"): in Hooks: cgroup XDP "/": `) {
		t.Errorf("finding %q", o)
	}
	for i, want := range tail {
		if got := got[len(got)-len(tail)+i]; !strings.HasPrefix(got, want) {
			t.Errorf("finding %q, want %q", got, want)
		}
	}
	var pe *ProgramError
	if !errors.As(err, &pe) || pe.Program != "b_plain" || pe.Section != "kprobe" {
		t.Errorf("first ProgramError = %+v", pe)
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Error("os.ErrNotExist isn't in the error")
	}
}

func TestPlanSockmaps(t *testing.T) {
	one := map[string]*ebpf.MapSpec{"one": sockmap, "hash": {Type: ebpf.Hash}, "nil": nil}
	two := map[string]*ebpf.MapSpec{"one": sockmap, "two": sockhash}
	for _, tt := range []struct {
		name string
		maps map[string]*ebpf.MapSpec
		opts AttachOptions
		want string
	}{
		{"none", nil, AttachOptions{}, `the object has no sockmap or sockhash: set Hooks["m"] to one with a Map`},
		{"which", two, AttachOptions{}, `several maps (one, two): set Map or Maps["m"]`},
		{"wrong type", one, AttachOptions{Map: "hash"}, `Map is "hash", which is not a sockmap or sockhash of the object; it has one`},
		{"unknown", one, AttachOptions{Map: "one", Maps: map[string]string{"m": "none"}}, `Maps["m"] is "none", which is not`},
	} {
		_, err := newPlan(object(t, map[string]string{"m": "sk_msg"}, tt.maps), &tt.opts, false)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestPlanExclusive has pairs of programs for one place, or not for one.
func TestPlanExclusive(t *testing.T) {
	maps := map[string]*ebpf.MapSpec{"socks": sockmap, "peers": sockmap}
	for _, tt := range []struct {
		name string
		a, b string // sections
		opts AttachOptions
		want string // in the error of b
	}{
		{"xdp", "xdp", "xdp.frags", AttachOptions{Interface: "lo"}, `program "a" is for xdp "lo", which leaves no room`},
		{"xdp modes", "xdp", "xdp", AttachOptions{Interface: "lo", Hooks: map[string]Hook{"b": XDP{Mode: XDPGeneric}}}, `program "a" is for xdp "lo"`},
		{"xdp offload", "xdp", "xdp", AttachOptions{Interface: "lo", Hooks: map[string]Hook{"b": XDP{Mode: XDPOffload}}}, ""},
		{"tcx", "tcx/ingress", "tcx/ingress", AttachOptions{Interface: "lo"}, ""},
		{"flow_dissector", "flow_dissector", "flow_dissector", AttachOptions{}, `program "a" is for flow_dissector netns current`},
		{"sk_lookup", "sk_lookup", "sk_lookup", AttachOptions{}, ""},
		{"netfilter", "netfilter", "netfilter", AttachOptions{Netfilter: &Netfilter{Priority: 5}}, "priority 5"},
		{
			"netfilter defrag", "netfilter", "netfilter",
			AttachOptions{Netfilter: &Netfilter{}, Hooks: map[string]Hook{"b": Netfilter{Defrag: true}}}, "priority 0",
		},
		{"netfilter apart", "netfilter", "netfilter", AttachOptions{Netfilter: &Netfilter{}, Hooks: map[string]Hook{"b": Netfilter{Priority: 1}}}, ""},
		{"sk_msg", "sk_msg", "sk_msg", AttachOptions{Map: "socks"}, `program "a" is for sk_msg of map "socks"`},
		{"sk_msg apart", "sk_msg", "sk_msg", AttachOptions{Map: "socks", Maps: map[string]string{"b": "peers"}}, ""},
		{"parser and verdict", "sk_skb/stream_parser", "sk_skb/stream_verdict", AttachOptions{Map: "socks"}, ""},
		{"stream_verdict and verdict", "sk_skb/stream_verdict", "sk_skb/verdict", AttachOptions{Map: "socks"}, `program "a" is for sk_skb/stream_verdict of map "socks"`},
		{"verdict and parser", "sk_skb/verdict", "sk_skb/stream_parser", AttachOptions{Map: "socks"}, ""},
		{"verdict and stream_verdict", "sk_skb/verdict", "sk_skb/stream_verdict", AttachOptions{Map: "socks"}, `program "a" is for sk_skb/verdict of map "socks"`},
		{"two verdicts", "sk_skb/verdict", "sk_skb/verdict", AttachOptions{Map: "socks"}, `program "a" is for sk_skb/verdict`},
		{"sk_msg and sk_skb", "sk_msg", "sk_skb/verdict", AttachOptions{Map: "socks"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newPlan(object(t, map[string]string{"a": tt.a, "b": tt.b}, maps), &tt.opts, false)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), `program "b" (`) || !strings.Contains(err.Error(), tt.want) ||
				!strings.HasSuffix(err.Error(), `name one of them in LoadOnly or Skip, or set Hooks["b"]`) {
				t.Errorf("error %q, want %q", err, tt.want)
			}
		})
	}
}
