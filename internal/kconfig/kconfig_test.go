package kconfig_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/internal/kconfig"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func packed(t *testing.T, text string) *fstest.MapFile {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return file(b.String())
}

func TestParse(t *testing.T) {
	got := kconfig.Parse("# CONFIG_OFF is not set\nCONFIG_ON=y\n CONFIG_MOD=m\r\nCONFIG_N=n\nCONFIG_LSM=\"a,b\"\n\nCONFIG_BARE\nOTHER=y\n")
	want := kconfig.Config{"CONFIG_ON": "y", "CONFIG_MOD": "m", "CONFIG_LSM": `"a,b"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for option, set := range map[string]bool{"CONFIG_ON": true, "CONFIG_MOD": true, "CONFIG_OFF": false, "CONFIG_N": false, "CONFIG_LSM": false} {
		if got.Set(option) != set {
			t.Errorf("Set(%s) = %v, want %v", option, got.Set(option), set)
		}
	}
}

func TestRead(t *testing.T) {
	release := file("6.1.0-50-amd64\n")
	for _, tt := range []struct {
		name  string
		root  fstest.MapFS
		where string
	}{
		{"proc", fstest.MapFS{"proc/config.gz": packed(t, "CONFIG_BPF=y\n")}, "/proc/config.gz"},
		{"boot", fstest.MapFS{"proc/sys/kernel/osrelease": release, "boot/config-6.1.0-50-amd64": file("CONFIG_BPF=y\n")}, "/boot/config-6.1.0-50-amd64"},
		{"modules", fstest.MapFS{"proc/sys/kernel/osrelease": release, "lib/modules/6.1.0-50-amd64/config": file("CONFIG_BPF=y\n")}, "/lib/modules/6.1.0-50-amd64/config"},
		{"of another kernel", fstest.MapFS{"proc/sys/kernel/osrelease": release, "boot/config-6.2.0": file("CONFIG_BPF=y\n")}, ""},
		{"nothing", fstest.MapFS{}, ""},
		{"empty", fstest.MapFS{"proc/config.gz": packed(t, ""), "proc/sys/kernel/osrelease": release, "boot/config-6.1.0-50-amd64": file("# CONFIG_BPF is not set\n")}, ""},
		{"damaged", fstest.MapFS{"proc/config.gz": file("CONFIG_BPF=y\n")}, ""},
		{"cut off", fstest.MapFS{"proc/config.gz": file(string(packed(t, strings.Repeat("CONFIG_BPF=y\n", 99)).Data[:20]))}, ""},
		{"damaged but boot", fstest.MapFS{
			"proc/config.gz": file(""), "proc/sys/kernel/osrelease": release, "boot/config-6.1.0-50-amd64": file("CONFIG_BPF=y\n"),
		}, "/boot/config-6.1.0-50-amd64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, where, err := kconfig.Read(tt.root)
			if where != tt.where || (err == nil) != (tt.where != "") || c.Set("CONFIG_BPF") != (err == nil) {
				t.Errorf("Read() = %v, %q, %v; want it from %q", c, where, err, tt.where)
			}
		})
	}
	if _, _, err := kconfig.Read(fstest.MapFS{"proc/sys/kernel/osrelease": release}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read() without a file = %v, want fs.ErrNotExist", err)
	}
}
