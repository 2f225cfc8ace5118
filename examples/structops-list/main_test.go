package main

import (
	"bytes"
	"strings"
	"testing"
)

const fixture = "../../bpfx/structops/testdata/6.18.btf"

func TestTree(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out, "", fixture, "6.18"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"├── Qdisc_ops (16 functions, 6 data members, ",
		"│   ├── int (*enqueue)(struct sk_buff *skb, struct Qdisc *sch, struct sk_buff **to_free)\n",
		"└── tcp_congestion_ops (13 functions, 5 data members, 192 bytes)\n",
		"    ├── u32 (*ssthresh)(struct sock *sk)  [required]\n",
		"    ├── struct module *owner  [zero]\n",
		"    └── void (*release)(struct sock *sk)\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

func TestC(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out, "tcp_congestion_ops", fixture, "5.15"); err != nil {
		t.Fatal(err)
	}
	const want = "\t/* required: grows snd_cwnd after acked packets were acknowledged; needed even with cong_control */\n" +
		"\tvoid (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);\n"
	if got := out.String(); !strings.HasPrefix(got, "struct tcp_congestion_ops {\n") || !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
	if err := run(&out, "no_such_ops", fixture, ""); err == nil {
		t.Error("a type that isn't there is shown")
	}
	if err := run(&out, "", "main.go", ""); err == nil {
		t.Error("a file that isn't BTF is read")
	}
}
