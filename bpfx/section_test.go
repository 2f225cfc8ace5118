package bpfx

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// sectionTests has all section names that cilium/ebpf knows, and the hook that
// each is for or a part of the error.
var sectionTests = []struct{ section, hook, err string }{
	{section: "socket", err: "attached to a socket"},
	{section: "sk_reuseport/migrate", err: "attached to a socket"},
	{section: "sk_reuseport", err: "attached to a socket"},
	{section: "kprobe", err: "doesn't say where (kprobe/FUNCTION)"},
	{section: "kprobe/", err: "doesn't say where (kprobe/FUNCTION)"},
	{section: "kprobe/tcp_connect", hook: `kprobe "tcp_connect"`},
	{section: "?kprobe/tcp_connect", hook: `kprobe "tcp_connect"`},
	{section: "kprobe/tcp_connect.isra.0+0x10", hook: `kprobe "tcp_connect.isra.0"+0x10`},
	{section: "kprobe/tcp_connect+16", hook: `kprobe "tcp_connect"+0x10`},
	{section: "kprobe/tcp_connect+x", err: `offset "x" of "tcp_connect" is not a number of bytes: invalid syntax`},
	{section: "kprobe/tcp_connect+", err: `offset "" of "tcp_connect" is not a number`},
	{section: "kprobe/+0x10", err: `no function before offset "+0x10"`},
	{section: "kprobe/tcp_connect+0x10000000000000000", err: "value out of range"},
	{section: "uprobe", err: "doesn't say where (uprobe/FILE:FUNCTION)"},
	{section: "uprobe//bin/bash", err: "doesn't say where (uprobe/FILE:FUNCTION)"},
	{section: "uprobe//bin/bash:", err: "doesn't say where (uprobe/FILE:FUNCTION)"},
	{section: "uprobe/:readline", err: "doesn't say where (uprobe/FILE:FUNCTION)"},
	{section: "uprobe//bin/bash:readline", hook: `uprobe "/bin/bash":"readline"`},
	{section: "uprobe/bash:readline+0x4", hook: `uprobe "bash":"readline"+0x4`},
	{section: "uprobe/bin/app:main.(*T).Do", hook: `uprobe "bin/app":"main.(*T).Do"`},
	{section: "uprobe.s//bin/bash:readline", hook: `uprobe "/bin/bash":"readline"`},
	{section: "kretprobe", err: "doesn't say where (kretprobe/FUNCTION)"},
	{section: "kretprobe/tcp_connect", hook: `kretprobe "tcp_connect"`},
	{section: "kretprobe/tcp_connect+0x10", err: "kretprobe takes no offset"},
	{section: "uretprobe", err: "doesn't say where (uretprobe/FILE:FUNCTION)"},
	{section: "uretprobe//bin/bash:readline", hook: `uretprobe "/bin/bash":"readline"`},
	{section: "uretprobe//bin/bash:readline+1", err: "uretprobe takes no offset"},
	{section: "uretprobe.s//bin/bash:readline", hook: `uretprobe "/bin/bash":"readline"`},
	{section: "kprobe.multi", err: "doesn't say where (kprobe.multi/FUNCTIONS)"},
	{section: "kprobe.multi/tcp_*", hook: `kprobe.multi "tcp_*"`},
	{section: "kprobe.multi/tcp_connect", hook: `kprobe.multi "tcp_connect"`},
	{section: "kretprobe.multi/tcp_?onnect", hook: `kretprobe.multi "tcp_?onnect"`},
	{section: "kprobe.session/tcp_*", hook: `kprobe.session "tcp_*"`},
	{section: "uprobe.multi", err: "doesn't say where (uprobe.multi/FILE:FUNCTION)"},
	{section: "uprobe.multi//bin/bash:read*", hook: `uprobe.multi "/bin/bash":"read*"`},
	{section: "uretprobe.multi//bin/bash:readline", hook: `uretprobe.multi "/bin/bash":"readline"`},
	{section: "uprobe.session//bin/bash:readline", err: "no hook for uprobe.session"},
	{section: "uprobe.multi.s//bin/bash:readline", hook: `uprobe.multi "/bin/bash":"readline"`},
	{section: "uretprobe.multi.s//bin/bash:readline", hook: `uretprobe.multi "/bin/bash":"readline"`},
	{section: "uprobe.session.s//bin/bash:readline", err: "no hook for uprobe.session"},
	{section: "ksyscall", err: "doesn't say where (ksyscall/FUNCTION)"},
	{section: "ksyscall/openat", hook: `kprobe "sys_openat"`},
	{section: "kretsyscall/openat", hook: `kretprobe "sys_openat"`},
	{section: "usdt/libc.so.6:libc:setjmp", err: "static user probes"},
	{section: "usdt.s/libc.so.6:libc:setjmp", err: "static user probes"},
	{section: "tc/ingress", hook: `tcx/ingress interface 0`},
	{section: "tc/egress", hook: `tcx/egress interface 0`},
	{section: "tcx/ingress", hook: `tcx/ingress interface 0`},
	{section: "tcx/egress", hook: `tcx/egress interface 0`},
	{section: "tc", err: "which direction"},
	{section: "classifier", err: "which direction"},
	{section: "classifier/ingress", err: "which direction"},
	{section: "action", err: "actions of tc"},
	{section: "netkit/primary", hook: `netkit/primary interface 0`},
	{section: "netkit/peer", hook: `netkit/peer interface 0`},
	{section: "tracepoint", err: "doesn't say where (tracepoint/GROUP/NAME)"},
	{section: "tracepoint/sched", err: "doesn't say where (tracepoint/GROUP/NAME)"},
	{section: "tracepoint/sched/", err: "doesn't say where (tracepoint/GROUP/NAME)"},
	{section: "tracepoint/sched/sched_switch", hook: `tracepoint "sched/sched_switch"`},
	{section: "tp/sched/sched_switch", hook: `tracepoint "sched/sched_switch"`},
	{section: "raw_tracepoint", err: "doesn't say where (raw_tracepoint/NAME)"},
	{section: "raw_tracepoint/sched_switch", hook: `raw_tracepoint "sched_switch"`},
	{section: "raw_tp/sched_switch", hook: `raw_tracepoint "sched_switch"`},
	{section: "raw_tracepoint.w/sched_switch", hook: `raw_tracepoint "sched_switch"`},
	{section: "raw_tp.w/sched_switch", hook: `raw_tracepoint "sched_switch"`},
	{section: "tp_btf", err: "doesn't say where (tp_btf/NAME)"},
	{section: "tp_btf/sched_switch", hook: `tp_btf "sched_switch"`},
	{section: "fentry", err: "doesn't say where (fentry/NAME)"},
	{section: "fentry/tcp_connect", hook: `fentry "tcp_connect"`},
	{section: "fentry/nf_conntrack:nf_ct_get", err: `name the function "nf_ct_get" without its module "nf_conntrack"`},
	{section: "fmod_ret/security_file_open", hook: `fmod_ret "security_file_open"`},
	{section: "fexit/tcp_connect", hook: `fexit "tcp_connect"`},
	{section: "fentry.s/tcp_connect", hook: `fentry "tcp_connect"`},
	{section: "fmod_ret.s/security_file_open", hook: `fmod_ret "security_file_open"`},
	{section: "fexit.s/tcp_connect", hook: `fexit "tcp_connect"`},
	{section: "fsession/tcp_connect", err: "no hook for fsession"},
	{section: "fsession.s/tcp_connect", err: "no hook for fsession"},
	{section: "freplace", hook: `freplace ""`}, // completeFreplace reports it
	{section: "freplace/parse", hook: `freplace "parse"`},
	{section: "lsm", err: "doesn't say where (lsm/HOOK)"},
	{section: "lsm/file_open", hook: `lsm "file_open"`},
	{section: "lsm.s/file_open", hook: `lsm "file_open"`},
	{section: "lsm_cgroup/file_open", err: "lsm_cgroup"},
	{section: "iter/task", err: "iterators are opened and read, not attached (iter.Open of package bpfx/iter)"},
	{section: "iter.s/task", err: "iterators are opened and read, not attached (iter.Open of package bpfx/iter)"},
	{section: "syscall", err: "syscall programs are run, not attached"},
	{section: "xdp.frags/devmap", err: "devmap or cpumap"},
	{section: "xdp/devmap", err: "devmap or cpumap"},
	{section: "xdp.frags/cpumap", err: "devmap or cpumap"},
	{section: "xdp/cpumap", err: "devmap or cpumap"},
	{section: "xdp.frags", hook: `xdp interface 0`},
	{section: "xdp", hook: `xdp interface 0`},
	{section: "xdp/pass", hook: `xdp interface 0`},
	{section: "perf_event", hook: `perf_event cpu-clock at 99 Hz`},
	{section: "lwt_in", err: "attached to a route"},
	{section: "lwt_out", err: "attached to a route"},
	{section: "lwt_xmit", err: "attached to a route"},
	{section: "lwt_seg6local", err: "attached to a route"},
	{section: "sockops", hook: `sockops ""`},
	{section: "sk_skb/stream_parser", hook: `sk_skb/stream_parser nil map`},
	{section: "sk_skb/stream_verdict", hook: `sk_skb/stream_verdict nil map`},
	{section: "sk_skb/verdict", hook: `sk_skb/verdict nil map`},
	{section: "sk_skb", err: "doesn't say where (sk_skb/stream_parser"},
	{section: "sk_msg", hook: `sk_msg nil map`},
	{section: "lirc_mode2", err: "infrared"},
	{section: "flow_dissector", hook: `flow_dissector netns current`},
	{section: "cgroup_skb/ingress", hook: `cgroup_skb/ingress ""`},
	{section: "cgroup_skb/egress", hook: `cgroup_skb/egress ""`},
	{section: "cgroup/skb", err: "which direction"},
	{section: "cgroup/sock_create", hook: `cgroup/sock_create ""`},
	{section: "cgroup/sock_release", hook: `cgroup/sock_release ""`},
	{section: "cgroup/sock", hook: `cgroup/sock_create ""`},
	{section: "cgroup/post_bind4", hook: `cgroup/post_bind4 ""`},
	{section: "cgroup/post_bind6", hook: `cgroup/post_bind6 ""`},
	{section: "cgroup/bind4", hook: `cgroup/bind4 ""`},
	{section: "cgroup/bind6", hook: `cgroup/bind6 ""`},
	{section: "cgroup/connect4", hook: `cgroup/connect4 ""`},
	{section: "cgroup/connect6", hook: `cgroup/connect6 ""`},
	{section: "cgroup/connect_unix", hook: `cgroup/connect_unix ""`},
	{section: "cgroup/sendmsg4", hook: `cgroup/sendmsg4 ""`},
	{section: "cgroup/sendmsg6", hook: `cgroup/sendmsg6 ""`},
	{section: "cgroup/sendmsg_unix", hook: `cgroup/sendmsg_unix ""`},
	{section: "cgroup/recvmsg4", hook: `cgroup/recvmsg4 ""`},
	{section: "cgroup/recvmsg6", hook: `cgroup/recvmsg6 ""`},
	{section: "cgroup/recvmsg_unix", hook: `cgroup/recvmsg_unix ""`},
	{section: "cgroup/getpeername4", hook: `cgroup/getpeername4 ""`},
	{section: "cgroup/getpeername6", hook: `cgroup/getpeername6 ""`},
	{section: "cgroup/getpeername_unix", hook: `cgroup/getpeername_unix ""`},
	{section: "cgroup/getsockname4", hook: `cgroup/getsockname4 ""`},
	{section: "cgroup/getsockname6", hook: `cgroup/getsockname6 ""`},
	{section: "cgroup/getsockname_unix", hook: `cgroup/getsockname_unix ""`},
	{section: "cgroup/sysctl", hook: `cgroup/sysctl ""`},
	{section: "cgroup/getsockopt", hook: `cgroup/getsockopt ""`},
	{section: "cgroup/setsockopt", hook: `cgroup/setsockopt ""`},
	{section: "cgroup/dev", hook: `cgroup/dev ""`},
	{section: "struct_ops/init", err: "use package structops"},
	{section: "struct_ops.s/init", err: "use package structops"},
	{section: "sk_lookup", hook: `sk_lookup netns current`},
	{section: "netfilter", hook: `netfilter ipv4/pre_routing priority 0`},
	{section: "kprobes/tcp_connect", err: "no section of that name is known"},
	{section: "fentry_tcp_connect", err: "no section of that name is known"},
}

func TestSectionHook(t *testing.T) {
	for _, tt := range sectionTests {
		t.Run(tt.section, func(t *testing.T) {
			spec := mustParse(t, map[string]string{"prog": tt.section}).Programs["prog"]
			if spec.SectionName != tt.section {
				t.Fatalf("SectionName = %q", spec.SectionName)
			}
			hook, err := sectionHook(spec)
			switch {
			case tt.err != "":
				if hook != nil || err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("sectionHook() = %v, %v; want an error with %q", hook, err, tt.err)
				}
			case err != nil || hook.String() != tt.hook:
				t.Errorf("sectionHook() = %v, %v; want %s", hook, err, tt.hook)
			}
		})
	}
}

// TestSectionsComplete fails when cilium/ebpf knows a section name that
// sectionTests doesn't have, as a new version of it may.
func TestSectionsComplete(t *testing.T) {
	fn := runtime.FuncForPC(reflect.ValueOf(ebpf.LoadCollectionSpec).Pointer())
	file, _ := fn.FileLine(fn.Entry())
	source, err := os.ReadFile(filepath.Join(filepath.Dir(file), "elf_sections.go"))
	if err != nil {
		t.Skipf("skipping: needs the source of cilium/ebpf (try go test, without -trimpath): %v", err)
	}
	names := regexp.MustCompile(`(?m)^\t\{"([^"]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(names) < 90 {
		t.Fatalf("found %d section names in elf_sections.go", len(names))
	}
	for _, m := range names {
		name, target := strings.CutSuffix(m[1], "+")
		found := false
		for _, tt := range sectionTests {
			found = found || tt.section == name || target && strings.HasPrefix(tt.section, name+"/")
		}
		if !found {
			t.Errorf("section %q isn't tested", m[1])
		}
	}
}

// TestSectionHookOfSpec has specs without a section name, or with one that was
// changed.
func TestSectionHookOfSpec(t *testing.T) {
	for _, tt := range []struct {
		name      string
		spec      ebpf.ProgramSpec
		hook, err string
	}{
		{"fentry", *Fentry{Func: "f"}.Spec(nil), `fentry "f"`, ""},
		{"fexit", *Fexit{Func: "f"}.Spec(nil), `fexit "f"`, ""},
		{"fmod_ret", *FmodRet{Func: "f"}.Spec(nil), `fmod_ret "f"`, ""},
		{"tp_btf", *BTFTracepoint{Name: "f"}.Spec(nil), `tp_btf "f"`, ""},
		{"lsm", *LSM{Hook: "f"}.Spec(nil), `lsm "f"`, ""},
		{"freplace", *Freplace{Func: "f"}.Spec(nil), `freplace "f"`, ""},
		{"xdp", *XDP{}.Spec(nil), `xdp interface 0`, ""},
		{"xdp without attach type", ebpf.ProgramSpec{Type: ebpf.XDP}, `xdp interface 0`, ""},
		{"tcx", *TCX{Direction: TCXEgress}.Spec(nil), `tcx/egress interface 0`, ""},
		{"netkit", *Netkit{Side: NetkitPeer}.Spec(nil), `netkit/peer interface 0`, ""},
		{"cgroup", *Cgroup{}.Spec(nil), `cgroup_skb/ingress ""`, ""},
		{"sk_skb", *SkSkb{Kind: SkSkbVerdict}.Spec(nil), "sk_skb/verdict nil map", ""},
		{"tracepoint", ebpf.ProgramSpec{Type: ebpf.TracePoint, AttachTo: "sched/sched_switch"}, `tracepoint "sched/sched_switch"`, ""},
		{"retargeted", ebpf.ProgramSpec{SectionName: "kprobe/old", Type: ebpf.Kprobe, AttachTo: "new"}, `kprobe "new"`, ""},
		{"given a direction", ebpf.ProgramSpec{SectionName: "tc", Type: ebpf.SchedCLS, AttachType: ebpf.AttachTCXIngress}, `tcx/ingress interface 0`, ""},

		{"kprobe", *Kprobe{Symbol: "f"}.Spec(nil), "", "what kind of probe"},
		{"tracepoint without a name", *Tracepoint{}.Spec(nil), "", "neither a section name nor AttachTo says where"},
		{"fentry without a name", *Fentry{}.Spec(nil), "", "neither a section name nor AttachTo says where"},
		{"other attach type", ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachXDP, AttachTo: "f"}, "", "no hook for tracing programs of attach type XDP"},
		{"other cgroup type", ebpf.ProgramSpec{Type: ebpf.CGroupDevice, AttachType: ebpf.AttachCGroupSockOps}, "", "programs of type CGroupDevice are not for attach type"},
		{"unknown type", ebpf.ProgramSpec{Type: 4711}, "", "no hook for programs of type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hook, err := sectionHook(&tt.spec)
			switch {
			case tt.err != "":
				if hook != nil || err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("sectionHook() = %v, %v; want an error with %q", hook, err, tt.err)
				}
			case err != nil || hook.String() != tt.hook:
				t.Errorf("sectionHook() = %v, %v; want %s", hook, err, tt.hook)
			}
		})
	}
}
