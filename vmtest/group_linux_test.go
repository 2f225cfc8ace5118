package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestGroupKill(t *testing.T) {
	// A child and a grandchild that ignore all but SIGKILL.
	cmd := exec.Command("sh", "-c", "trap '' INT TERM HUP; (trap '' TERM; sleep 100) & sleep 100")
	g, err := startGroup(cmd)
	if err != nil {
		t.Fatal(err)
	}
	pgid := g.leader.Process.Pid
	if n := groupMembers(pgid); n < 2 {
		t.Errorf("group has %d members, want the leader and its command at least", n)
	}
	g.Kill()
	if n := groupMembers(pgid); n != 0 {
		t.Errorf("%d processes left after Kill", n)
	}
}

func TestGroupDone(t *testing.T) {
	g, err := startGroup(exec.Command("sh", "-c", "exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Kill()
	select {
	case <-g.done:
	case <-time.After(10 * time.Second):
		t.Fatal("the command doesn't end")
	}
	if g.err == nil || !strings.Contains(g.err.Error(), "3") {
		t.Errorf("err = %v, want exit status 3", g.err)
	}
	if _, err := startGroup(exec.Command("/nope")); err == nil {
		t.Error("startGroup(/nope): want an error")
	}
}

// TestGroupOutlivesNobody kills a process that holds a group by SIGKILL, which it can't handle.
func TestGroupOutlivesNobody(t *testing.T) {
	if os.Getenv("VMTEST_GROUP_CHILD") != "" {
		g, err := startGroup(exec.Command("sleep", "100"))
		if err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString(strconv.Itoa(g.leader.Process.Pid) + "\n")
		select {}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestGroupOutlivesNobody$")
	cmd.Env = append(os.Environ(), "VMTEST_GROUP_CHILD=1")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pgid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	for end := time.Now().Add(10 * time.Second); groupMembers(pgid) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d processes left", groupMembers(pgid))
		}
	}
}

func TestParseStat(t *testing.T) {
	state, pgid, ok := parseStat("12 (a) b) S 1 34 5")
	if state != "S" || pgid != 34 || !ok {
		t.Errorf("parseStat = %q, %d, %v", state, pgid, ok)
	}
	for _, text := range []string{"", "1 (x", "1 (x) S 1", "1 (x) S 1 y"} {
		if _, _, ok := parseStat(text); ok {
			t.Errorf("parseStat(%q) is ok", text)
		}
	}
}

func TestLimitedFile(t *testing.T) {
	f, err := newLimitedFile(t.TempDir()+"/log", 5)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if n, err := f.Write([]byte("abc")); n != 3 || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(f.Name()); string(text) != "abcab" || err != nil {
		t.Errorf("log = %q, %v", text, err)
	}
}

func TestOutput(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := output(ctx, "", nil, "sleep", "100"); err == nil {
		t.Error("output of a hanging program: want an error")
	}
	if _, err := output(t.Context(), "", nil, "sh", "-c", "echo why >&2; exit 1"); err == nil || !strings.Contains(err.Error(), "why") {
		t.Errorf("output = %v, want the reason", err)
	}
}
