// Package packets compares bpfx/testpkt with other implementations: what they
// decode its packets to, and how fast they are. It has only tests.
package packets
