package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed kernels.json
var kernelsJSON []byte

// Catalogue is what kernels.json holds: the kernels of the matrix and what a boot needs.
type Catalogue struct {
	Series        []Series `json:"series"`
	VirtmeNGSuite string   `json:"virtme_ng_suite"` // Debian suite that carries virtme-ng
	BootModules   []string `json:"boot_modules"`    // unpacked for virtme-ng's initramfs
	TestModules   []string `json:"test_modules"`    // loaded in the guest, where they exist
}

// Series is one line of kernels and the Debian packages that carry its newest.
type Series struct {
	Series   string   `json:"series"`   // "6.12"
	Suite    string   `json:"suite"`    // Debian suite
	Packages []string `json:"packages"` // names; * stands for the same digits in each
	Append   string   `json:"append"`   // more kernel arguments
}

// loadCatalogue reads the embedded kernels.json.
func loadCatalogue() (*Catalogue, error) {
	var c Catalogue
	if err := json.Unmarshal(kernelsJSON, &c); err != nil {
		return nil, fmt.Errorf("read kernels.json: %w", err)
	}
	return &c, nil
}

// Names lists the series in matrix order, oldest first.
func (c *Catalogue) Names() []string {
	var names []string
	for _, s := range c.Series {
		names = append(names, s.Series)
	}
	return names
}

// Select returns the series called for, in the order asked; no names means all of them.
func (c *Catalogue) Select(names []string) ([]Series, error) {
	if len(names) == 0 {
		return c.Series, nil
	}
	var out []Series
	for _, name := range names {
		i := slices.IndexFunc(c.Series, func(s Series) bool { return s.Series == name })
		if i < 0 {
			return nil, fmt.Errorf("unknown kernel %q: known are %s, vX.Y (a prebuilt one that vng downloads) and -kernel PATH",
				name, strings.Join(c.Names(), ", "))
		}
		out = append(out, c.Series[i])
	}
	return out, nil
}

// Newest picks the packages of the newest kernel of s among the names an archive offers.
// Every pattern must have a package of that same version.
func (s Series) Newest(names []string) ([]string, error) {
	versions := map[string]int{}
	for _, pattern := range s.Packages {
		re := patternRegexp(pattern)
		seen := map[string]bool{}
		for _, name := range names {
			if m := re.FindStringSubmatch(name); m != nil && !seen[m[1]] {
				seen[m[1]] = true
				versions[m[1]]++
			}
		}
	}
	newest := -1
	for v, n := range versions {
		if number, err := strconv.Atoi(v); err == nil && n == len(s.Packages) {
			newest = max(newest, number)
		}
	}
	if newest < 0 {
		return nil, fmt.Errorf("no kernel %s in Debian %s: no package matches %s; mend vmtest/kernels.json if the suite has moved on",
			s.Series, s.Suite, strings.Join(s.Packages, ", "))
	}
	var out []string
	for _, pattern := range s.Packages {
		out = append(out, strings.Replace(pattern, "*", strconv.Itoa(newest), 1))
	}
	return out, nil
}

func patternRegexp(pattern string) *regexp.Regexp {
	before, after, _ := strings.Cut(pattern, "*")
	return regexp.MustCompile("^" + regexp.QuoteMeta(before) + "([0-9]+)" + regexp.QuoteMeta(after) + "$")
}

// Version is a kernel's major and minor number.
type Version struct{ Major, Minor int }

var versionRE = regexp.MustCompile(`^v?([0-9]+)\.([0-9]+)`)

// parseVersion reads the start of a release such as "6.12.117+deb13-amd64".
func parseVersion(release string) (Version, error) {
	m := versionRE.FindStringSubmatch(release)
	if m == nil {
		return Version{}, fmt.Errorf("no kernel version in %q", release)
	}
	major, err := strconv.Atoi(m[1])
	if err != nil {
		return Version{}, fmt.Errorf("kernel version %q: %w", release, err)
	}
	minor, err := strconv.Atoi(m[2])
	if err != nil {
		return Version{}, fmt.Errorf("kernel version %q: %w", release, err)
	}
	return Version{major, minor}, nil
}

// Less reports whether v is older than w.
func (v Version) Less(w Version) bool {
	return v.Major < w.Major || v.Major == w.Major && v.Minor < w.Minor
}

func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }
