//go:build race && (amd64 || arm64)

package faults

// raceDetector says that the tests were built with -race. Its memory grows with
// the addresses that the heap has ever used.
const raceDetector = true
