package iter

// Params says which part of [Options] a target takes.
type Params int

const (
	// ParamsUnknown is of targets that this package doesn't know.
	ParamsUnknown Params = iota
	// ParamsNone is of targets that take nothing.
	ParamsNone
	// ParamsMap is of targets that need Options.Map.
	ParamsMap
	// ParamsTask is of targets that take Options.Task.
	ParamsTask
	// ParamsCgroup is of targets that take Options.Cgroup.
	ParamsCgroup
)

// String returns the name of the part of Options, such as "Task".
func (p Params) String() string {
	switch p {
	case ParamsNone:
		return "none"
	case ParamsMap:
		return "Map"
	case ParamsTask:
		return "Task"
	case ParamsCgroup:
		return "Cgroup"
	}
	return "unknown"
}

// trait is what BTF doesn't tell of a target: its struct bpf_iter_reg in the
// kernel's source does.
type trait struct {
	since     string
	params    Params
	sleepable bool // feature BPF_ITER_RESCHED
}

// traits has the targets of mainline kernels up to 7.1.
var traits = map[string]trait{
	"bpf_link":           {"5.19", ParamsNone, false},
	"bpf_map":            {"5.8", ParamsNone, false},
	"bpf_map_elem":       {"5.9", ParamsMap, false},
	"bpf_prog":           {"5.9", ParamsNone, false},
	"bpf_sk_storage_map": {"5.9", ParamsMap, false},
	"cgroup":             {"6.1", ParamsCgroup, true},
	"dmabuf":             {"6.16", ParamsNone, true},
	"ipv6_route":         {"5.8", ParamsNone, false},
	"kmem_cache":         {"6.13", ParamsNone, true},
	"ksym":               {"6.0", ParamsNone, true},
	"netlink":            {"5.8", ParamsNone, false},
	"sockmap":            {"5.10", ParamsMap, false},
	"task":               {"5.8", ParamsTask, true},
	"task_file":          {"5.8", ParamsTask, true},
	"task_vma":           {"5.12", ParamsTask, true},
	"tcp":                {"5.9", ParamsNone, false},
	"udp":                {"5.9", ParamsNone, false},
	"unix":               {"5.15", ParamsNone, false},
}
