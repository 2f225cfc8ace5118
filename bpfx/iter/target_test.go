package iter

import (
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

func TestNoTarget(t *testing.T) {
	old := []*Target{{Name: "bpf_map"}, {Name: "netlink"}, {Name: "task"}, {Name: "task_file"}}
	for _, tt := range []struct{ name, want string }{
		{"cgroup", "this kernel lacks it: Requires Linux 6.1, and that its subsystem is built in; it has bpf_map, netlink, task, task_file"},
		{"tsk", "there is none of that name (nearest: task); this kernel has bpf_map, netlink, task, task_file"},
		{"task_files", "(nearest: task_file)"},
		{"ksim", "(nearest: ksym, which requires Linux 6.0)"},
		{"", "there is none of that name; this kernel has"},
	} {
		err := noTarget(tt.name, old)
		if !strings.Contains(err.Error(), tt.want) || !errors.Is(err, ebpf.ErrNotSupported) {
			t.Errorf("noTarget(%q) = %v, want %q", tt.name, err, tt.want)
		}
	}
	if err := noTarget("task", nil); !strings.Contains(err.Error(), "it has none at all") {
		t.Errorf("noTarget without any = %v", err)
	}
}

func TestParseTargetsDamaged(t *testing.T) {
	for _, data := range []string{"", "x", strings.Repeat("\x00", 100)} {
		if got, err := parseTargets([]byte(data)); err == nil {
			t.Errorf("parseTargets(%q) = %v, want an error", data, got)
		}
	}
}

func TestTarget(t *testing.T) {
	target := &Target{Name: "x", Context: "bpf_iter__x", Members: []Member{
		{Name: "meta", Type: "struct bpf_iter_meta *", Size: 8, decl: "struct bpf_iter_meta *meta"},
		{Name: "fd", Type: "u32", Offset: 8, Size: 4, decl: "u32 fd"},
		{Name: "raw", Type: "u8[3]", Offset: 12, Size: 3, decl: "u8 raw[3]"},
	}}
	const want = "struct bpf_iter__x {\n\tstruct bpf_iter_meta *meta;\n\tu32 fd;\n\tu8 raw[3];\n};"
	if got := target.String(); got != want {
		t.Errorf("String() = %s, want %s", got, want)
	}
	if got, err := target.Arg(asm.R2, asm.R1, "fd"); err != nil || got != asm.LoadMem(asm.R2, asm.R1, 8, asm.Word) {
		t.Errorf("Arg(fd) = %v, %v", got, err)
	}
	for name, want := range map[string]string{"met": "(nearest: meta)", "raw": "no instruction loads the 3 bytes of u8 raw[3]", "": "no member"} {
		if _, err := target.Arg(asm.R2, asm.R1, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Arg(%q) = %v, want %q", name, err, want)
		}
	}
}
