//go:build !linux

package structops

import "fmt"

func notLinux(err error) error { return fmt.Errorf("%w (%w)", errOther(), err) }

func setTCPCC(int, string) error       { return errOther() }
func getTCPCC(int) (string, error)     { return "", errOther() }
func getTCPInfo(int) (TCPStats, error) { return TCPStats{}, errOther() }
