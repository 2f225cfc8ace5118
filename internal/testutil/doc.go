// Package testutil helps the tests of this module: what they need of the
// machine, what they may not leave behind.
//
// It is the only package that imports testing outside of tests.
package testutil
