package bpfx_test

import (
	"os"
	"slices"
	"testing"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// hookTests has a row for every hook of the package.
var hookTests = slices.Concat(netTests, cgroupTests(), traceTests, multiTests, perfTests)

func TestHooks(t *testing.T) {
	for _, tt := range hookTests {
		t.Run(tt.name, func(t *testing.T) { testHook(t, tt) })
	}
}

// netTests are the hooks of networking.
var netTests = []hookTest{
	{
		name: "xdp", since: "5.9", links: "5.9", updates: true,
		hook: func(testing.TB) hook { return bpfx.XDP{Interface: "lo"} },
		fire: sendUDP, ret: 2,
	},
	{
		name: "xdp generic by index", since: "5.9", links: "5.9", updates: true,
		hook: func(tb testing.TB) hook { return bpfx.XDP{Index: loopback(tb), Mode: bpfx.XDPGeneric} },
		fire: sendUDP, ret: 2,
	},
	{
		name: "tcx/ingress", since: "6.6", links: "6.6", updates: true, configs: []string{"CONFIG_NET_XGRESS"},
		hook: func(testing.TB) hook { return bpfx.TCX{Interface: "lo"} },
		fire: sendUDP, ret: -1,
	},
	{
		name: "tcx/egress", since: "6.6", links: "6.6", updates: true, configs: []string{"CONFIG_NET_XGRESS"},
		hook: func(tb testing.TB) hook {
			return bpfx.TCX{Index: loopback(tb), Direction: bpfx.TCXEgress, Anchor: bpfx.Head()}
		},
		fire: sendUDP, ret: -1,
	},
	{
		name: "netkit/primary", since: "6.7", links: "6.7", updates: true, configs: []string{"CONFIG_NETKIT"},
		hook: func(tb testing.TB) hook { return netkit(tb) },
		fire: sendFrom(testutil.NetkitPrimary), ret: -1,
	},
	{
		name: "netkit/peer", since: "6.7", links: "6.7", updates: true, configs: []string{"CONFIG_NETKIT"},
		hook: func(tb testing.TB) hook {
			h := netkit(tb)
			h.Side = bpfx.NetkitPeer
			return h
		},
		fire: sendFrom(testutil.NetkitPeer), ret: -1,
	},
	{
		name: "netfilter", since: "6.4", links: "6.4", configs: []string{"CONFIG_NETFILTER_BPF_LINK"},
		hook: func(testing.TB) hook { return bpfx.Netfilter{Hook: bpfx.NetfilterLocalIn} },
		fire: sendUDP, ret: 1,
	},
	{
		name: "netfilter defrag", since: "6.6", links: "6.6", configs: []string{"CONFIG_NETFILTER_BPF_LINK"},
		hook: func(tb testing.TB) hook {
			if os.Getenv("BPFX_VMTEST") != "" && testutil.KernelAtLeast(tb, "6.6") {
				testutil.NeedModule(tb, "nf_defrag_ipv4", "CONFIG_NF_DEFRAG_IPV4") // elsewhere the kernel may have it built in
			}
			return bpfx.Netfilter{Priority: -300, Defrag: true}
		},
		fire: sendUDP, ret: 1,
	},
	{
		name: "sk_lookup", since: "5.9", links: "5.9", updates: true,
		hook: func(testing.TB) hook { return bpfx.SkLookup{} },
		fire: sendUDP, ret: 1,
	},
	{
		name: "sk_lookup by path", since: "5.9", links: "5.9", updates: true,
		hook: func(testing.TB) hook { return bpfx.SkLookup{Netns: bpfx.Netns{Path: "/proc/thread-self/ns/net"}} },
		fire: sendUDP, ret: 1,
	},
	{
		name: "sk_lookup by fd", since: "5.9", links: "5.9", updates: true,
		hook: func(tb testing.TB) hook { return bpfx.SkLookup{Netns: bpfx.Netns{FD: netnsFD(tb)}} },
		fire: sendUDP, ret: 1,
	},
	{
		name: "flow_dissector", since: "5.7", links: "5.7", updates: true,
		hook: func(testing.TB) hook { return bpfx.FlowDissector{} },
	},
	{
		name: "sk_msg", since: "4.17", links: "6.10", updates: true,
		hook: func(tb testing.TB) hook { return bpfx.SkMsg{Map: sockmap(tb)} },
		fire: sendTCP, ret: 1,
	},
	{
		name: "sk_skb stream_verdict", since: "4.14", links: "6.10", updates: true,
		hook: func(tb testing.TB) hook { return bpfx.SkSkb{Map: sockmap(tb)} },
		fire: sendTCP, ret: 1,
	},
	{
		name: "sk_skb stream_parser", since: "4.14", links: "6.10", updates: true,
		hook: func(tb testing.TB) hook { return bpfx.SkSkb{Map: sockmap(tb), Kind: bpfx.SkSkbStreamParser} },
	},
	{
		name: "sk_skb verdict", since: "5.13", links: "6.10", updates: true,
		hook: func(tb testing.TB) hook { return bpfx.SkSkb{Map: sockmap(tb), Kind: bpfx.SkSkbVerdict} },
		fire: sendTCP, ret: 1,
	},
}
