//go:build !race && (amd64 || arm64)

package faults

const raceDetector = false
