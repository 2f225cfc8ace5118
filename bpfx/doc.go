// Package bpfx loads, attaches and runs eBPF programs, and cleans up after
// them.
//
// It is a thin layer on [github.com/cilium/ebpf], which makes the system
// calls and knows ELF, BTF and links. Programs, maps and links are cilium's
// types; code that has them already can use one function of this package and
// leave the rest. Those who need none of what follows should use cilium/ebpf
// alone.
//
// # Loading
//
// [Load] takes an [ebpf.ProgramSpec], [LoadELF] one program of an object file
// and [LoadCollection] a whole object. They share one decoded copy of the
// kernel's BTF (BPF Type Format), so that only the first load that needs it
// pays for it. Where the type of a program isn't all that a load needs, the
// Spec method of its hook fills in the rest.
//
// # Attaching
//
// A [Hook] is a place in the kernel where a program can run, as a value:
//
//	p.Attach(bpfx.XDP{Interface: "eth0"})
//	p.Attach(bpfx.Kprobe{Symbol: "tcp_v4_connect"})
//
// Each hook's zero fields are documented defaults. The [Attachment] that comes
// back lives until it is closed: nothing is detached because the garbage
// collector found it unused. [Program.Close] detaches what the program is
// attached to.
//
// # Scopes
//
// [WithProgram], [WithCollection] and [WithAttached] open something, call a
// function and close it again, also when the function fails, panics or ends
// the goroutine. [Scope] is the flat form for three things and more.
//
// # Running
//
// [Program.Run] runs a program in the kernel over a packet or a context of
// the caller's choice, without attaching it, and returns its verdict, its
// output and how long it took.
//
// # Errors
//
// Errors name the thing and the remedy. errors.Is finds the errno or the
// sentinel below them: [ebpf.ErrNotSupported] where kernel or platform lack
// something, [os.ErrClosed] after Close. [Explain] tells why loading or
// attaching failed, what was read to find that out, and what to do. All of the package builds on every
// platform; attaching and running need Linux.
package bpfx
