// Package structops implements kernel operations in BPF: a struct_ops program
// is called where the kernel would call one of its own functions, such as the
// callbacks of a TCP congestion control.
//
// [Types] and [Lookup] describe what the kernel at hand takes, from its BTF
// (BPF Type Format). A [Spec] names the programs and data of one set of
// operations; it needs no compiler ([Type.Ctx], [Field] and [Kfunc] help to
// write programs by hand), or comes of an object file with [FromELF].
// [Validate] finds everything that is wrong with it before the kernel sees it,
// [Load] puts it into the kernel, [Ops.Register] has the kernel use it, and
// [Ops.Replace] swaps it for another while connections run:
//
//	ops, err := structops.Load(spec)
//	if err != nil {
//		return err
//	}
//	defer ops.Close()
//	if err := ops.Register(); err != nil {
//		return err
//	}
//	return structops.UseTCPCC(conn, spec.Name)
//
// Requires Linux 5.6, CAP_BPF and CAP_NET_ADMIN or CAP_SYS_ADMIN. Programs must
// have a licence that is compatible with the GPL (GNU General Public License).
// Other systems build, and loading returns an error wrapping
// [ebpf.ErrNotSupported].
package structops
