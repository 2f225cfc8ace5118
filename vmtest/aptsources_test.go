package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDebianArchive(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  string // URI and keyring
	}{
		{"deb822", map[string]string{"sources.list.d/debian.sources": "# comment\nTypes: deb deb-src\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n" +
			"Components: main\nSigned-By: /usr/share/keyrings/k.gpg\n"}, "http://mirror.example/debian /usr/share/keyrings/k.gpg"},
		{"one line", map[string]string{"sources.list": "deb-src http://src.example/debian trixie main\ndeb http://mirror.example/debian trixie main contrib # comment\n"},
			"http://mirror.example/debian "},
		{"one line with options", map[string]string{"sources.list.d/x.list": "deb [ arch=amd64 signed-by=/k.gpg ] http://mirror.example/debian sid main\n"},
			"http://mirror.example/debian /k.gpg"},
		{"others first", map[string]string{
			"sources.list.d/a.list":    "deb https://vendor.example/apt cloud-bookworm main\n",
			"sources.list.d/b.sources": "Types: deb\nURIs: http://sec.example/debian-security\nSuites: bookworm-security\nComponents: main\n\nTypes: deb\nURIs: http://mirror.example/debian\nSuites: stable-backports\nComponents: main\n",
		}, "http://mirror.example/debian "},
		{"disabled and cdrom", map[string]string{
			"sources.list":             "deb cdrom:[Debian]/ bookworm main\n",
			"sources.list.d/b.sources": "Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: stable\nComponents: main\n",
		}, ""},
		{"inline key", map[string]string{"sources.list.d/d.sources": "Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"},
			"http://mirror.example/debian "},
		{"Ubuntu", map[string]string{"sources.list": "deb http://ubuntu.example/ubuntu noble main\n"}, ""},
		{"none", nil, ""},
		{"nonsense", map[string]string{"sources.list": "deb\ndeb [\ndeb x\n", "sources.list.d/x.sources": " x\n:\nTypes\n"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "sources.list.d"), 0o755); err != nil {
				t.Fatal(err)
			}
			for name, text := range test.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			sources, err := readAptSources(dir)
			if err != nil {
				t.Fatal(err)
			}
			got, err := debianArchive(sources)
			if test.want == "" {
				if err == nil {
					t.Errorf("debianArchive() = %v, want an error", got)
				}
				return
			}
			if diff := cmp.Diff(test.want, got.URI+" "+got.SignedBy); diff != "" || err != nil {
				t.Errorf("debianArchive() = %v, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestParseAptShow(t *testing.T) {
	text := "Package: a\nVersion: 1.2-3\nInstalled-Size: 10\nSize: 500\nDescription: x\n more: y\n\nPackage: b\nVersion: 2\nSize: 7\n"
	want := []aptPackage{{"a", "1.2-3", 500, 10240}, {"b", "2", 7, 0}}
	if diff := cmp.Diff(want, parseAptShow(text)); diff != "" {
		t.Errorf("parseAptShow (-want +got):\n%s", diff)
	}
}
