package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bpfx/go/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m) }

// TestTruth compares what the doctor says with what the tests of the hooks have
// found on the same kernel, which vmtest/expect lists.
func TestTruth(t *testing.T) {
	testutil.NeedRoot(t)
	report, err := examine()
	if err != nil {
		t.Fatal(err)
	}
	ok := make(map[string]bool)
	for _, c := range report.Checks {
		ok[c.Name] = c.OK
		if c.OK == (c.Cause != "") {
			t.Errorf("%s: ok is %v, cause is %q", c.Name, c.OK, c.Cause)
		}
		if strings.Contains(c.Cause+c.Remedy+c.Detail, "\n") {
			t.Errorf("%s says more than a line: %+v", c.Name, c)
		}
	}
	for _, name := range []string{"xdp", "test run", "tail call", "iterator"} {
		if !ok[name] {
			t.Errorf("%s doesn't work: %+v", name, report.Checks)
		}
	}
	series := os.Getenv("BPFX_VMTEST")
	if series == "" {
		return
	}
	lacks := skippedHooks(t, series)
	for _, h := range hooks() {
		name := strings.ReplaceAll(h.name, " ", "_")
		reason, missing := lacks[name]
		if ok[h.name] == missing {
			t.Errorf("%s: the doctor says %v; what its test says of Linux %s: %q", h.name, ok[h.name], series, reason)
		}
	}
}

// skippedHooks returns which hooks' tests may skip on a series of kernels, and
// why.
func skippedHooks(t *testing.T, series string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "vmtest", "expect", series+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	skips := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "bpfx TestHooks/"); ok {
			name, why, _ := strings.Cut(strings.TrimSpace(rest), " : ")
			skips[name] = why
		}
	}
	return skips
}

// TestRun reads what is printed, as text and as JSON.
func TestRun(t *testing.T) {
	testutil.NeedRoot(t)
	var text, encoded bytes.Buffer
	if err := run(&text, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kernel  ", "HOOK  ", "\nxdp   ", " work.\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in:\n%s", want, &text)
		}
	}
	if err := run(&encoded, true); err != nil {
		t.Fatal(err)
	}
	var report Report
	if err := json.Unmarshal(encoded.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Machine) == 0 || len(report.Checks) < len(hooks()) {
		t.Errorf("JSON has %d facts and %d checks", len(report.Machine), len(report.Checks))
	}
}

// TestUnprivileged runs the doctor without root: every hook gets a cause.
func TestUnprivileged(t *testing.T) {
	if os.Getenv("BPFX_DOCTOR") != "" {
		if err := run(os.Stdout, true); err != nil {
			t.Fatal(err)
		}
		return
	}
	testutil.NeedRoot(t)
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestUnprivileged$")
	cmd.Env = append(os.Environ(), "BPFX_DOCTOR=1", "BPFX_TEST_LOCK="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var report Report
	if err := json.NewDecoder(bytes.NewReader(out)).Decode(&report); err != nil { // "PASS" follows
		t.Fatalf("%v in\n%s", err, out)
	}
	for _, c := range report.Checks {
		if c.OK && c.Name != "struct_ops types" || !c.OK && !strings.Contains(c.Cause, "CAP_") {
			t.Errorf("%s: ok is %v, cause is %q; want a capability", c.Name, c.OK, c.Cause)
		}
	}
}
