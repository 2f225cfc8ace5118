package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// aptSource is one archive of the machine's apt configuration.
type aptSource struct {
	URI        string
	Suites     []string
	Components []string
	SignedBy   string // path of a keyring, or empty
}

// debianSuites are the names under which the Debian archive is known to users' apt.
var debianSuites = []string{"stable", "oldstable", "oldoldstable", "testing", "unstable", "sid",
	"bullseye", "bookworm", "trixie", "forky", "duke"}

// debianArchive finds the Debian archive among sources: one that carries the component
// main of a Debian suite (not its security archive, not another vendor's).
func debianArchive(sources []aptSource) (aptSource, error) {
	for _, s := range sources {
		if !slices.Contains(s.Components, "main") || strings.HasPrefix(s.URI, "cdrom:") {
			continue
		}
		for _, suite := range s.Suites {
			suite = strings.TrimSuffix(strings.TrimSuffix(suite, "-updates"), "-backports")
			if slices.Contains(debianSuites, suite) {
				return s, nil
			}
		}
	}
	return aptSource{}, fmt.Errorf("this machine's apt has no Debian archive: " +
		"use -kernel PATH, or -kernels vX.Y for a prebuilt kernel that vng downloads")
}

// readAptSources reads an apt directory (/etc/apt): sources.list and sources.list.d, in both forms.
func readAptSources(dir string) ([]aptSource, error) {
	files := []string{filepath.Join(dir, "sources.list")}
	for _, pattern := range []string{"*.list", "*.sources"} {
		more, err := filepath.Glob(filepath.Join(dir, "sources.list.d", pattern))
		if err != nil {
			return nil, fmt.Errorf("list apt sources: %w", err)
		}
		files = append(files, more...)
	}
	var out []aptSource
	for _, file := range files {
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read apt sources: %w", err)
		}
		if strings.HasSuffix(file, ".sources") {
			out = append(out, parseDeb822(string(text))...)
		} else {
			out = append(out, parseOneLine(string(text))...)
		}
	}
	return out, nil
}

// parseOneLine reads lines of the form "deb [signed-by=KEYRING] URI SUITE COMPONENT...".
func parseOneLine(text string) []aptSource {
	var out []aptSource
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb ")
		if !ok {
			continue
		}
		var s aptSource
		rest = strings.TrimSpace(rest)
		if options, after, found := strings.Cut(rest, "]"); found && strings.HasPrefix(rest, "[") {
			for _, option := range strings.Fields(options[1:]) {
				if keyring, ok := strings.CutPrefix(option, "signed-by="); ok {
					s.SignedBy = keyringPath(keyring)
				}
			}
			rest = after
		}
		fields := strings.Fields(rest)
		if len(fields) < 3 {
			continue
		}
		s.URI, s.Suites, s.Components = fields[0], fields[1:2], fields[2:]
		out = append(out, s)
	}
	return out
}

// parseDeb822 reads stanzas of the form "Types: deb", "URIs: ...", "Suites: ...".
func parseDeb822(text string) []aptSource {
	var out []aptSource
	fields := map[string]string{}
	flush := func() {
		uris := strings.Fields(fields["uris"])
		disabled := strings.EqualFold(fields["enabled"], "no")
		if slices.Contains(strings.Fields(fields["types"]), "deb") && len(uris) > 0 && !disabled {
			out = append(out, aptSource{URI: uris[0], Suites: strings.Fields(fields["suites"]),
				Components: strings.Fields(fields["components"]), SignedBy: keyringPath(fields["signed-by"])})
		}
		fields = map[string]string{}
	}
	scanner, last := bufio.NewScanner(strings.NewReader(text)), ""
	for scanner.Scan() {
		line := scanner.Text()
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == ' ' || line[0] == '\t':
			fields[last] += " " + strings.TrimSpace(line)
		default:
			key, value, _ := strings.Cut(line, ":")
			last = strings.ToLower(strings.TrimSpace(key))
			fields[last] = strings.TrimSpace(value)
		}
	}
	flush()
	return out
}

// keyringPath keeps only a path: a Signed-By may also hold a fingerprint or the key itself.
func keyringPath(signedBy string) string {
	if first := strings.Fields(strings.ReplaceAll(signedBy, ",", " ")); len(first) > 0 && strings.HasPrefix(first[0], "/") {
		return first[0]
	}
	return ""
}
