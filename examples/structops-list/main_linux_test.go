package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bpfx/go/internal/testutil"
)

func TestRun(t *testing.T) {
	testutil.NeedRoot(t)
	var tree, c bytes.Buffer
	if err := run(&tree, "", "", ""); err != nil {
		t.Fatal(err)
	}
	if err := run(&c, "tcp_congestion_ops", "", ""); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(tree.String(), "tcp_congestion_ops (") || !strings.Contains(c.String(), "u32 (*ssthresh)(struct sock *sk);") {
		t.Errorf("the running kernel has:\n%s%s", &tree, &c)
	}
	if err := run(&c, "tcp_congestion_op", "", ""); err == nil || !strings.Contains(err.Error(), "nearest") {
		t.Errorf("a mistyped type: %v", err)
	}
}
