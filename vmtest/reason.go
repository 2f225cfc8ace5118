package main

import (
	"fmt"
	"regexp"

	"github.com/bpfx/go/internal/kconfig"
)

// Reason is why a test may skip on a kernel, in a form that can be verified.
type Reason struct {
	Since  Version // "Requires Linux 6.6"; the zero value if it is about an option
	Config string  // "Requires CONFIG_FOO"
}

var reasonRE = regexp.MustCompile(`Requires (?:Linux ([0-9]+\.[0-9]+)|(CONFIG_[A-Z0-9_]+))`)

// parseReason finds the first verifiable reason in a text.
func parseReason(text string) (Reason, bool) {
	m := reasonRE.FindStringSubmatch(text)
	if m == nil {
		return Reason{}, false
	}
	if m[2] != "" {
		return Reason{Config: m[2]}, true
	}
	v, err := parseVersion(m[1])
	return Reason{Since: v}, err == nil
}

func (r Reason) String() string { return "Requires " + r.need() }

// need is the reason without its verb: "Linux 6.6" or "CONFIG_FOO".
func (r Reason) need() string {
	if r.Config != "" {
		return r.Config
	}
	return "Linux " + r.Since.String()
}

// False says why a reason doesn't hold on a kernel, or nothing if it does. A nil config is
// unknown, so it proves no reason.
func (r Reason) False(release string, config Config) string {
	if r.Config != "" {
		switch value := config[r.Config]; {
		case config == nil:
			return "the kernel's config is unknown"
		case value != "":
			return fmt.Sprintf("the kernel has %s=%s", r.Config, value)
		}
		return ""
	}
	v, err := parseVersion(release)
	if err != nil {
		return err.Error()
	}
	if !v.Less(r.Since) {
		return "this is Linux " + v.String()
	}
	return ""
}

// Config holds the options of a kernel's build that are set.
type Config = kconfig.Config
