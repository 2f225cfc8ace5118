// Package pktgen makes random layers for tests of bpfx/testpkt, here and in
// the bench module: stacks that decode to what they were built of.
package pktgen
