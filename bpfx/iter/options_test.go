package iter

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

func TestOptionsCheck(t *testing.T) {
	for _, tt := range []struct {
		name string
		opts Options
		want []string // lines of the error; none if it is fine
	}{
		{"none", Options{}, nil},
		{"empty map", Options{Map: new(ebpf.Map)}, []string{"Map is empty: open one first"}},
		{"thread", Options{Task: Task{TID: 1}}, nil},
		{"cgroup", Options{Cgroup: Cgroup{ID: 1, Order: Children}}, nil},
		{"order alone", Options{Cgroup: Cgroup{Order: Self}}, nil},
		{"map and task", Options{Map: new(ebpf.Map), Task: Task{TID: 1}}, []string{"Map and Task exclude each other: set one of them", "Map is empty: open one first"}},
		{"all", Options{Map: new(ebpf.Map), Task: Task{TID: 1}, Cgroup: Cgroup{ID: 1}}, []string{"Map and Task and Cgroup exclude each other: set one of them", "Map is empty: open one first"}},
		{"thread and process", Options{Task: Task{TID: 1, PID: 1}}, []string{"Task.TID and Task.PID exclude each other: set one of them"}},
		{"process twice", Options{Task: Task{PID: 1, PIDFD: 3}}, []string{"Task.PID and Task.PIDFD exclude each other: set one of them"}},
		{"path and id", Options{Cgroup: Cgroup{Path: "/", ID: 1}}, []string{"Cgroup.Path and Cgroup.ID exclude each other: set one of them"}},
		{"descriptor and id", Options{Cgroup: Cgroup{FD: 3, ID: 1}}, []string{"Cgroup.FD and Cgroup.ID exclude each other: set one of them"}},
		{"negative", Options{Task: Task{PID: -1}}, []string{"Task.PID is -1: it must be above 0, or 0 for none"}},
		{"order", Options{Cgroup: Cgroup{Order: 6}}, []string{"unknown Cgroup.Order Order(6)"}},
		{"several", Options{Task: Task{TID: -1, PIDFD: -2}, Cgroup: Cgroup{FD: -3, Order: -1}}, []string{
			"Task and Cgroup exclude each other: set one of them", "Task.TID and Task.PIDFD exclude each other: set one of them",
			"Task.TID is -1: it must be above 0, or 0 for none", "Task.PIDFD is -2: it must be above 0, or 0 for none",
			"Cgroup.FD is -3: it must be above 0, or 0 for none", "unknown Cgroup.Order Order(-1)",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := tt.opts.check(); err != nil {
				got = err.Error()
			}
			if want := strings.Join(tt.want, "\n"); got != want {
				t.Errorf("check() = %q, want %q", got, want)
			}
		})
	}
}

func TestOptionsCheckTarget(t *testing.T) {
	some := map[Params]Options{
		ParamsNone: {}, ParamsMap: {Map: new(ebpf.Map)}, ParamsTask: {Task: Task{PID: 1}}, ParamsCgroup: {Cgroup: Cgroup{ID: 1}},
	}
	for target, has := range traits {
		for set, opts := range some {
			err := opts.checkTarget(target)
			fine := set == has.params || set == ParamsNone && has.params != ParamsMap
			if fine != (err == nil) {
				t.Errorf("target %s, %v set: %v", target, set, err)
			}
			if err != nil && (!strings.Contains(err.Error(), target) || set != ParamsNone && !strings.Contains(err.Error(), "Options."+set.String())) {
				t.Errorf("target %s, %v set: %v, want both named", target, set, err)
			}
		}
	}
	for set, opts := range some {
		if err := opts.checkTarget("of_the_future"); err != nil {
			t.Errorf("unknown target, %v set: %v", set, err)
		}
	}
}
