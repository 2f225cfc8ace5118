// Package scope holds the one implementation of the scope contract that every
// With function of bpfx promises.
package scope
