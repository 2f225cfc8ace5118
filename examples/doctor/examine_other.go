//go:build !linux

package main

import (
	"fmt"
	"runtime"
)

func examine() (*Report, error) {
	return nil, fmt.Errorf("BPF needs Linux, this is %s", runtime.GOOS)
}
