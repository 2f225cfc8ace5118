package bpfx

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/links"
	"github.com/bpfx/go/internal/progname"
)

// Who holds a place must be asked while it does: these are called where the
// error happens.

// taken returns err of attaching to a place that programs have already. where
// says which, as in "the interface has an XDP program already". Without ids
// the place was not seen to be taken, and err is returned as it is.
func taken(err error, where string, ids []ebpf.ProgramID, remedy string, evidence ...string) error {
	if len(ids) == 0 {
		return err
	}
	holders := make([]string, 0, maxHolders)
	for _, id := range ids[:min(len(ids), maxHolders)] {
		holders = append(holders, describeProgram(id))
	}
	if len(ids) > maxHolders {
		holders = append(holders, fmt.Sprintf("%d more", len(ids)-maxHolders))
	}
	return because(err, finding{
		why:      where + ": " + strings.Join(holders, ", "),
		evidence: evidence,
		remedy:   remedy,
	})
}

// maxHolders is how many programs are named.
const maxHolders = 3

// describeProgram names a program, as far as the kernel tells: that takes
// CAP_SYS_ADMIN.
func describeProgram(id ebpf.ProgramID) string {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return fmt.Sprintf("program id %d", id)
	}
	defer p.Close() // only looked at
	if name := progname.Of(p); name != "" {
		return fmt.Sprintf("%q (program id %d)", name, id)
	}
	return fmt.Sprintf("program id %d", id)
}

// queryHolders returns the programs that are attached to target, a descriptor
// or an interface, and the evidence. It returns none if the kernel doesn't
// tell.
func queryHolders(target int, typ ebpf.AttachType) ([]ebpf.ProgramID, string) {
	result, err := link.QueryPrograms(link.QueryOptions{Target: target, Attach: typ})
	if err != nil {
		return nil, ""
	}
	ids := make([]ebpf.ProgramID, len(result.Programs))
	for i, p := range result.Programs {
		ids[i] = p.ID
	}
	return ids, fmt.Sprintf("BPF_PROG_QUERY of %v: %s", typ, number(len(ids), "program"))
}

// linkWhere returns the first link that fits, 0 if none does or the kernel
// doesn't tell: that takes CAP_SYS_ADMIN.
func linkWhere(fits func(*link.Info) bool) (id link.ID, program ebpf.ProgramID) {
	// Without an answer there is none to tell.
	_ = links.Each(func(l link.Link) bool {
		info, err := l.Info()
		if err == nil && fits(info) {
			id, program = info.ID, info.Program
		}
		return id == 0
	})
	return id, program
}

// xdpTaken returns err of attaching an XDP program to an interface that has
// one already.
func xdpTaken(index int, err error) error {
	id, mode := xdpProgram(index)
	if id == 0 {
		return err
	}
	remedy := fmt.Sprintf("detach it: ip link set dev %s %s off", interfaceName(index), mode)
	evidence := []string{"RTM_GETLINK: the interface's IFLA_XDP"}
	l, _ := linkWhere(func(info *link.Info) bool {
		x := info.XDP()
		return x != nil && int(x.Ifindex) == index
	})
	if l != 0 {
		remedy = "close the attachment that holds it, or replace its program with Attachment.Update"
		evidence = append(evidence, fmt.Sprintf("BPF_LINK_GET_NEXT_ID: link %d holds it", l))
	}
	return taken(err, "the interface has an XDP program already", []ebpf.ProgramID{id}, remedy, evidence...)
}

// interfaceName returns the name of an interface, or its index if it is gone.
func interfaceName(index int) string {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		if req, err := unix.NewIfreq("?"); err == nil {
			req.SetUint32(uint32(index))
			if unix.IoctlIfreq(fd, unix.SIOCGIFNAME, req) == nil {
				return req.Name()
			}
		}
	}
	return fmt.Sprintf("#%d", index)
}

// xdpProgram returns the XDP program of an interface, 0 if there is none, and
// what ip(8) calls how it is attached.
func xdpProgram(index int) (id ebpf.ProgramID, mode string) {
	rib, err := syscall.NetlinkRIB(unix.RTM_GETLINK, unix.AF_UNSPEC)
	if err != nil {
		return 0, ""
	}
	messages, err := syscall.ParseNetlinkMessage(rib)
	if err != nil {
		return 0, ""
	}
	for i := range messages {
		m := &messages[i]
		// struct ifinfomsg has the index at 4.
		if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg ||
			int(binary.NativeEndian.Uint32(m.Data[4:])) != index {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil {
			return 0, ""
		}
		at := slices.IndexFunc(attrs, func(a syscall.NetlinkRouteAttr) bool {
			return a.Attr.Type&^unix.NLA_F_NESTED == unix.IFLA_XDP
		})
		if at >= 0 {
			return nestedXDP(attrs[at].Value)
		}
	}
	return 0, ""
}

// xdpModes has the keyword of ip(8) for the mode that an id is of: without it,
// ip detaches what the driver runs, or nothing. Linux 4.19.
var xdpModes = map[uint16]string{
	unix.IFLA_XDP_PROG_ID: "xdp", unix.IFLA_XDP_DRV_PROG_ID: "xdpdrv",
	unix.IFLA_XDP_SKB_PROG_ID: "xdpgeneric", unix.IFLA_XDP_HW_PROG_ID: "xdpoffload",
}

// nestedXDP returns the first program id in an IFLA_XDP attribute. Those of a
// mode come before that of any.
func nestedXDP(b []byte) (id ebpf.ProgramID, mode string) {
	for len(b) >= unix.SizeofRtAttr {
		size, typ := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if size < unix.SizeofRtAttr || size > len(b) {
			return 0, ""
		}
		if mode := xdpModes[typ]; mode != "" && size >= unix.SizeofRtAttr+4 {
			return ebpf.ProgramID(binary.NativeEndian.Uint32(b[unix.SizeofRtAttr:])), mode
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return 0, ""
}
