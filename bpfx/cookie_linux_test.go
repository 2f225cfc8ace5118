package bpfx_test

import (
	"os"
	"testing"

	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// TestCookies has programs add up what bpf_get_attach_cookie returns in this
// process.
func TestCookies(t *testing.T) {
	for _, tt := range []struct {
		name    string
		hook    func(testing.TB) hook
		fire    func(testing.TB)
		since   string
		configs []string
		ret     int32
		want    uint64 // sum of the cookies in one fire
	}{
		{"kprobe.multi", func(testing.TB) hook {
			return bpfx.KprobeMulti{Symbols: []string{"inet_dgram_connect", "inet_stream_connect"}, Cookies: []uint64{100, 1}}
		}, connectBoth, "5.18", fprobe, 0, 101},
		{"kretprobe.multi", func(testing.TB) hook {
			return bpfx.KretprobeMulti{Symbols: []string{"inet_dgram_connect", "inet_stream_connect"}, Cookies: []uint64{100, 1}}
		}, connectBoth, "5.18", fprobe, 0, 101},
		{"kprobe.session, both ends", func(testing.TB) hook {
			return bpfx.KprobeSession{Symbols: []string{"inet_dgram_connect"}, Cookies: []uint64{100}}
		}, sendUDP, "6.10", fprobe, 0, 200},
		{"kprobe.session, start only", func(testing.TB) hook {
			return bpfx.KprobeSession{Symbols: []string{"inet_dgram_connect"}, Cookies: []uint64{100}}
		}, sendUDP, "6.10", fprobe, 1, 100},
		{"uprobe.multi", func(tb testing.TB) hook {
			h := multiProbe(tb)
			h.PID, h.Cookies = os.Getpid(), []uint64{7}
			return h
		}, callProbe, "6.6", uprobes, 0, 7},
		{"tp_btf", func(testing.TB) hook { return bpfx.BTFTracepoint{Name: "task_rename", Cookie: 9} }, rename, "6.10", nil, 0, 9},
		{"fmod_ret", func(testing.TB) hook { return bpfx.FmodRet{Func: "security_socket_connect", Cookie: 3} }, sendUDP, "6.0", nil, 0, 3},
		{"lsm", func(testing.TB) hook { return bpfx.LSM{Hook: "socket_connect", Cookie: 4} }, sendUDP, "6.0", []string{"CONFIG_BPF_LSM"}, 0, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			testutil.Netns(t)
			testutil.NeedKernel(t, tt.since, "cookies of "+tt.name)
			sum := newCounter(t)
			p := loadSpec(t, hookTest{name: tt.name, since: tt.since, configs: tt.configs}, mine(t, tt.hook(t).Spec(sum.cookies(tt.ret))))
			_, err := p.Attach(tt.hook(t))
			testutil.SkipIfNotSupported(t, err, tt.name, tt.since, tt.configs...)
			if err != nil {
				t.Fatal(err)
			}
			tt.fire(t)
			if got := sum.count(); got != tt.want {
				t.Errorf("sum of cookies = %d, want %d", got, tt.want)
			}
		})
	}
}

// connectBoth connects a datagram and a stream socket.
func connectBoth(tb testing.TB) {
	sendUDP(tb)
	connectTCP(tb)
}

// rename gives the calling thread the name that it has.
func rename(tb testing.TB) {
	tb.Helper()
	name, err := os.ReadFile("/proc/thread-self/comm")
	if err == nil {
		err = os.WriteFile("/proc/thread-self/comm", name, 0)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// cookies returns instructions that count the cookie of the place where they
// run, instead of 1, and return ret.
func (c counter) cookies(ret int32) asm.Instructions {
	return append(asm.Instructions{
		asm.FnGetAttachCookie.Call(),
		asm.Mov.Reg(asm.R6, asm.R0),
	}, c.add(asm.Mov.Reg(asm.R1, asm.R6), ret)...)
}
