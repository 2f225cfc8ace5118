package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// apt is an apt with its own configuration, lists and cache. The machine's apt never sees
// the suites it reads and can't upgrade anything from them.
type apt struct {
	dir string
	log io.Writer // what apt-get says while it downloads
}

const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// newApt prepares an apt in dir that reads suites of archive.
func newApt(dir string, archive aptSource, suites []string, log io.Writer) (*apt, error) {
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("prepare apt: %w", err)
		}
	}
	if archive.SignedBy == "" {
		archive.SignedBy = debianKeyring
	}
	if _, err := os.Stat(archive.SignedBy); err != nil {
		return nil, fmt.Errorf("no keyring to verify Debian's signatures (install debian-archive-keyring): %w", err)
	}
	files := map[string]string{
		"sources.list": aptSourcesList(archive, suites), "apt.conf": aptConf(dir), "status": "",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, fmt.Errorf("prepare apt: %w", err)
		}
	}
	return &apt{dir: dir, log: log}, nil
}

func aptSourcesList(archive aptSource, suites []string) string {
	var b strings.Builder
	for _, suite := range suites {
		fmt.Fprintf(&b, "deb [arch=amd64 signed-by=%s] %s %s main\n", archive.SignedBy, archive.URI, suite)
	}
	return b.String()
}

// aptConf leaves the proxy settings of the machine alone (they are in /etc/apt/apt.conf.d).
// Old suites are signed but no longer refreshed, hence Check-Valid-Until.
func aptConf(dir string) string {
	return fmt.Sprintf(`Dir::Etc::sourcelist "%[1]s/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "%[1]s";
Dir::State::lists "%[1]s/lists";
Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s/cache";
APT::Architecture "amd64";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
Acquire::Check-Valid-Until "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
`, dir)
}

func (a *apt) env() []string { return []string{"APT_CONFIG=" + filepath.Join(a.dir, "apt.conf")} }

// Update reads the suites' indexes. apt-get exits with 0 when a mirror can't be reached,
// unless told that any error counts.
func (a *apt) Update(ctx context.Context) error {
	if _, err := output(ctx, "", a.env(), "apt-get", "-q", "update", "--error-on=any"); err != nil {
		return fmt.Errorf("read Debian's package lists (is there a network?): %w", err)
	}
	return nil
}

// Names lists the packages that start with prefix.
func (a *apt) Names(ctx context.Context, prefix string) ([]string, error) {
	out, err := output(ctx, "", a.env(), "apt-cache", "pkgnames", prefix)
	return strings.Fields(out), err
}

// aptPackage is what the index says of one package.
type aptPackage struct {
	Name, Version  string
	Download, Disk int64 // bytes
}

// Show returns the newest version of each package.
func (a *apt) Show(ctx context.Context, names []string) ([]aptPackage, error) {
	out, err := output(ctx, "", a.env(), "apt-cache", append([]string{"show", "--no-all-versions"}, names...)...)
	if err != nil {
		return nil, err
	}
	return parseAptShow(out), nil
}

func parseAptShow(text string) []aptPackage {
	var out []aptPackage
	for stanza := range strings.SplitSeq(text, "\n\n") {
		var p aptPackage
		for line := range strings.Lines(stanza) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			number, _ := strconv.ParseInt(value, 10, 64) // 0 if it isn't one
			switch key {
			case "Package":
				p.Name = value
			case "Version":
				p.Version = value
			case "Size":
				p.Download = number
			case "Installed-Size":
				p.Disk = number * 1024
			}
		}
		if p.Name != "" {
			out = append(out, p)
		}
	}
	return out
}

// Download fetches packages into dir and returns the files. apt-get verifies each against
// the signed index, and keeps what an interrupted download had got.
func (a *apt) Download(ctx context.Context, dir string, packages []aptPackage) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	args := []string{"-q", "download"}
	for _, p := range packages {
		args = append(args, p.Name+"="+p.Version)
	}
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), a.env()...)
	cmd.Stdout, cmd.Stderr = a.log, a.log
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("download: %w", context.Cause(ctx))
		}
		return nil, fmt.Errorf("download (is there a network, and room in %s?): %w", dir, err)
	}
	var files []string
	for _, p := range packages {
		found, err := filepath.Glob(filepath.Join(dir, p.Name+"_"+strings.ReplaceAll(p.Version, ":", "%3a")+"_*.deb"))
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("download %s: apt-get left no file in %s", p.Name, dir)
		}
		files = append(files, found[0])
	}
	return files, nil
}
