package bpfx

import (
	"errors"
	"reflect"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/sys"
)

// platformCause explains nothing here: each error of Linux has its own cause.
func platformCause(error) *finding { return nil }

// attachFailed explains an error of attaching to a kind of hook, as far as the
// hook itself hasn't.
func (m *machine) attachFailed(p *privileges, kind string, err error) *finding {
	if errorsIsAny(err, unix.EPERM, unix.EACCES) {
		if p == nil {
			return nil
		}
		return m.attachNotPermitted(*p, kind, err)
	}
	r := requirementOfHook(kind)
	if r == nil {
		return nil
	}
	if errors.Is(err, ebpf.ErrNotSupported) {
		return m.lacks(r, kind)
	}
	if errorsIsAny(err, unix.EINVAL, unix.ENOENT, unix.ENODEV, unix.ENOSYS, unix.EOPNOTSUPP, sys.ENOTSUPP) {
		if option, where := m.lacksOption(r.configs); option != "" {
			return withoutOption(option, where)
		}
	}
	return nil
}

// explainAttach returns err of attaching p to h with its cause, unless the
// hook told it already. What depends on the thread is read now.
func explainAttach(p *ebpf.Program, h Hook, err error) error {
	var errno unix.Errno
	if p == nil || !isOurs(h) || !errors.As(err, &errno) && !errors.Is(err, ebpf.ErrNotSupported) {
		return err
	}
	var privs *privileges
	if errorsIsAny(err, unix.EPERM, unix.EACCES) {
		if now, known := currentPrivileges(); known {
			now.askAround(p.FD())
			privs = &now
		}
	}
	return later(err, func() *finding {
		kind, _, _ := strings.Cut(h.String(), " ")
		return thisMachine.attachFailed(privs, kind, err)
	})
}

// isOurs reports whether this package knows what h does when it attaches.
func isOurs(h Hook) bool {
	if _, ok := h.(*hookFunc); ok {
		return false
	}
	t := reflect.TypeOf(h)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == reflect.TypeFor[XDP]().PkgPath()
}

// explainPin returns err of a pin outside a bpf filesystem with its cause.
func explainPin(err error) error {
	return later(err, thisMachine.noBPFFS)
}
