// Package tailcall builds chains of programs that tail-call each other through
// program arrays, checks them before they are loaded, and keeps them alive as
// long as they are needed.
//
// A tail call that finds nothing to jump to falls through to the next
// instruction without a word, and the kernel empties a program array when its
// last descriptor is closed. [Spec.Check] finds calls that would fall through
// by reading the instructions; a [Chain] fills the slots before there is
// anything to attach, and holds its arrays open as long as an attachment of
// its entry lives.
//
// A chain has one entry, the program that is attached, one array, and any
// number of nested arrays that its programs call through as well. Programs
// refer to arrays by name, as in
//
//	asm.LoadMapPtr(asm.R2, 0).WithReference("jump_table")
//
// or as clang writes it: [FromCollectionSpec] makes a Spec of an object file.
package tailcall
