//go:build !linux

package structops

func kernelVersion() string { return "" }
