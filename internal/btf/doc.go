// Package btf holds the one kernel BTF cache of the process.
//
// Decoding the kernel's BTF costs some 40 ms and 4 MB, so it is done when a
// load first needs it and then shared by all.
package btf
