// Readme is the example of the README: it runs an XDP program over a packet.
// It needs root and Linux with BPF.
package main
