package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// shape makes loopback a slower and longer path, as far as that is possible
// here, and says what it is now. Packets get the size they have on Ethernet,
// and leave one by one.
func shape() string {
	small := "packets of 1500 bytes"
	if err := command("ip", "link", "set", "lo", "mtu", "1500"); err != nil {
		small = "packets of 64 KiB"
	}
	// Where it can't be set they leave, and are lost, by the dozen.
	_ = command("ip", "link", "set", "lo", "gso_max_size", "1500", "gso_max_segs", "1")
	err := command("tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "10ms", "rate", "20mbit", "loss", "0.02%", "limit", "60")
	if err != nil {
		return fmt.Sprintf("plain loopback, %s (not shaped: %v)", small, err)
	}
	return "loopback with 20 Mbit/s, 20 ms there and back, a queue of 60 packets, one of 5000 lost; " + small
}

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if text := strings.TrimSpace(string(out)); err != nil && text != "" {
		return fmt.Errorf("%s: %s", name, strings.ReplaceAll(text, "\n", " "))
	}
	return err
}
