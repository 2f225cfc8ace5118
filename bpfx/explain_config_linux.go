package bpfx

import (
	"fmt"
	"strings"
)

// lsmFile lists the security modules that are on.
const lsmFile = "/sys/kernel/security/lsm"

// lacks returns why this kernel doesn't have what r is about, by the name
// what, after it was seen not to; nil if that can't be told.
func (m *machine) lacks(r *requirement, what string) *finding {
	switch {
	case r == nil:
		return nil
	case r.since != "" && m.before(r.since): // it may not even have had the option
		return &finding{
			why:      fmt.Sprintf("this kernel has no %s, which came with Linux %s", what, r.since),
			evidence: []string{"/proc/sys/kernel/osrelease: " + m.release()},
			remedy:   "use Linux " + r.since + " or newer",
		}
	}
	if option, where := m.lacksOption(r.configs); option != "" {
		return withoutOption(option, where)
	}
	if r.btf {
		return m.noBTF()
	}
	return nil
}

// noBPFLSM is the cause of LSM programs that never run, nil if they do or there
// is no telling.
func (m *machine) noBPFLSM() *finding {
	list, ok := m.read(lsmFile)
	list = strings.TrimSpace(list)
	if !ok || list == "" || strings.Contains(","+list+",", ",bpf,") {
		return nil
	}
	return &finding{
		why:      "the kernel's list of security modules doesn't have bpf",
		evidence: []string{lsmFile + ": " + list},
		remedy:   "boot with lsm=" + list + ",bpf",
	}
}
