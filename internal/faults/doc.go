// Package faults proves that the packages of this module leave nothing behind
// when something fails, and say so when it does. It has tests only.
//
// [TestFaults] runs each public operation in a process of its own and makes
// its system calls fail: the first, the second and so on, until the operation
// runs through unharmed. The process has a seccomp filter that hands calls to
// the test (SECCOMP_RET_USER_NOTIF), which lets them go on or fails them with
// ENOMEM, EPERM or EINTR; then the limit of its descriptors is lowered in the
// same way (RLIMIT_NOFILE). After each fault there must be an error that names
// something and the errno, or a result that was checked, and nothing else:
// descriptors, pins, events of tracefs, congestion controls, network namespaces
// and, after all faults of an operation, since the kernel frees them late,
// programs, maps, links and BTF.
//
// What takes things back is never failed, since nothing could be done about
// it: close, unlink, umount, PROG_DETACH, LINK_DETACH, MAP_DELETE_ELEM,
// PERF_EVENT_IOC_DISABLE, and opening and writing to the list of events in
// tracefs to remove one.
//
// [TestDeath] kills the process at random points. An operation is a row of a
// table in ops*_test.go, and takes part in both. [TestSoak] has operations of
// its own, in soakers_linux_test.go, work side by side.
//
// On machines that are emulated (BPFX_VMTEST) a part of the faults is tried;
// BPFX_FAULTS=all tries all. BPFX_SOAK=10m has TestSoak take ten minutes.
package faults
