package kconfig

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// Config holds the options of a kernel's build that are set, to y, m or a
// value.
type Config map[string]string

// Set reports whether an option, such as "CONFIG_KPROBES", is built in or a
// module.
func (c Config) Set(option string) bool { return c[option] == "y" || c[option] == "m" }

// Parse reads a kernel's .config. Lines that aren't options are left out.
func Parse(text string) Config {
	c := Config{}
	for line := range strings.Lines(text) {
		key, value, found := strings.Cut(strings.TrimSpace(line), "=")
		if found && strings.HasPrefix(key, "CONFIG_") && value != "n" {
			c[key] = value
		}
	}
	return c
}

// Read returns the configuration of the running kernel and the file that it
// was read from: /proc/config.gz, or where distributions keep it. root is the
// root directory of the machine. A file that sets nothing isn't one: it would
// say that the kernel was built without whatever is asked for.
//
// Returns an error wrapping [fs.ErrNotExist] if there is no such file.
func Read(root fs.FS) (Config, string, error) {
	const packed = "proc/config.gz"
	text, err := unpack(root, packed)
	if c := Parse(text); len(c) > 0 {
		return c, "/" + packed, nil
	}
	release, relErr := fs.ReadFile(root, "proc/sys/kernel/osrelease")
	if relErr != nil {
		return nil, "", relErr
	}
	name := strings.TrimSpace(string(release))
	for _, path := range []string{"boot/config-" + name, "lib/modules/" + name + "/config"} {
		b, bootErr := fs.ReadFile(root, path)
		if c := Parse(string(b)); bootErr == nil && len(c) > 0 {
			return c, "/" + path, nil
		}
		err = errors.Join(err, bootErr)
	}
	if err == nil {
		err = fs.ErrNotExist // all files were empty
	}
	return nil, "", fmt.Errorf("find the configuration of kernel %s: %w", name, err)
}

// unpack returns the text of a file that is compressed.
func unpack(root fs.FS, path string) (string, error) {
	f, err := root.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() // only read from
	z, err := gzip.NewReader(f)
	if err != nil {
		return "", fmt.Errorf("/%s: %w", path, err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return "", fmt.Errorf("/%s: %w", path, err)
	}
	return string(b), nil
}
