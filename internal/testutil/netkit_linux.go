package testutil

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/netns"
)

// The devices that Netkit makes.
const (
	NetkitPrimary = "bpfx-nk0"
	NetkitPeer    = "bpfx-nk1"
)

// Netkit makes a pair of netkit devices in the test's network namespace and
// sets both up. They go with the namespace. It skips tb on kernels without
// netkit.
func Netkit(tb testing.TB) {
	tb.Helper()
	NeedKernel(tb, "6.7", "netkit")
	err := netns.NewNetkit(NetkitPrimary, NetkitPeer)
	if errors.Is(err, unix.EOPNOTSUPP) {
		NeedConfig(tb, "CONFIG_NETKIT", "netkit")
	}
	if err != nil {
		tb.Fatal(err)
	}
}
