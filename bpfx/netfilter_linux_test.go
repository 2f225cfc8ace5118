package bpfx_test

import (
	"fmt"
	"testing"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// TestNetfilterPlaces asks the kernel where it put a program.
func TestNetfilterPlaces(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.Netns(t)
	row := hookTest{name: "netfilter", since: "6.4", configs: []string{"CONFIG_NETFILTER_BPF_LINK"}}
	p := loadFor(t, row, bpfx.Netfilter{}, newCounter(t))
	for family, pf := range map[bpfx.NetfilterFamily]link.NetfilterProtocolFamily{
		bpfx.NetfilterIPv4: unix.NFPROTO_IPV4,
		bpfx.NetfilterIPv6: unix.NFPROTO_IPV6,
	} {
		for hook, num := range map[bpfx.NetfilterHook]link.NetfilterInetHook{
			bpfx.NetfilterPreRouting:  unix.NF_INET_PRE_ROUTING,
			bpfx.NetfilterLocalIn:     unix.NF_INET_LOCAL_IN,
			bpfx.NetfilterForward:     unix.NF_INET_FORWARD,
			bpfx.NetfilterLocalOut:    unix.NF_INET_LOCAL_OUT,
			bpfx.NetfilterPostRouting: unix.NF_INET_POST_ROUTING,
		} {
			t.Run(fmt.Sprint(family, "/", hook), func(t *testing.T) {
				h := bpfx.Netfilter{Family: family, Hook: hook, Priority: -7}
				a, err := p.Attach(h)
				if err != nil {
					t.Fatal(err)
				}
				err = a.Use(func(l link.Link) error {
					info, err := l.Info()
					if err != nil {
						return err
					}
					if got, want := *info.Netfilter(), (link.NetfilterInfo{ProtocolFamily: pf, Hook: num, Priority: -7}); got != want {
						t.Errorf("%v is at %+v, want %+v", h, got, want)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}
