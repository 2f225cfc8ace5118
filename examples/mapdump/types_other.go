//go:build !linux

package main

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

func typesOf(*ebpf.Map) (key, value btf.Type, err error) { return nil, nil, ebpf.ErrNotSupported }
