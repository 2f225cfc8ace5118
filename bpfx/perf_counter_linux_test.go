package bpfx

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestPerfCounters compares the numbers of counters with golang.org/x/sys:
// those of hardware can't be opened in most virtual machines.
func TestPerfCounters(t *testing.T) {
	want := [...]PerfRaw{
		PerfCPUClock:        {unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_CPU_CLOCK},
		PerfTaskClock:       {unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_TASK_CLOCK},
		PerfPageFaults:      {unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_PAGE_FAULTS},
		PerfContextSwitches: {unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_CONTEXT_SWITCHES},
		PerfCPUMigrations:   {unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_CPU_MIGRATIONS},
		PerfMinorFaults:     {unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_PAGE_FAULTS_MIN},
		PerfMajorFaults:     {unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_PAGE_FAULTS_MAJ},
		PerfCycles:          {unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_CPU_CYCLES},
		PerfInstructions:    {unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_INSTRUCTIONS},
		PerfCacheReferences: {unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_CACHE_REFERENCES},
		PerfCacheMisses:     {unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_CACHE_MISSES},
		PerfBranches:        {unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
		PerfBranchMisses:    {unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_BRANCH_MISSES},
	}
	for c, w := range want {
		if got := perfCounters[c].raw; got != w {
			t.Errorf("%v: %+v, want %+v", PerfCounter(c), got, w)
		}
	}
	if len(perfCounters) != len(want) {
		t.Errorf("%d counters, %d are tested", len(perfCounters), len(want))
	}
}
