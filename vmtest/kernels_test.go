package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNewest(t *testing.T) {
	split := Series{Series: "7.3", Suite: "s", Packages: []string{"linux-binary-7.3.*+deb13-amd64", "linux-modules-7.3.*+deb13-amd64"}}
	one := Series{Series: "5.10", Suite: "s", Packages: []string{"linux-image-5.10.0-*-amd64"}}
	tests := []struct {
		name   string
		series Series
		names  []string
		want   []string
	}{
		{"newest by number, not by letter", one, []string{"linux-image-5.10.0-9-amd64", "linux-image-5.10.0-32-amd64"}, []string{"linux-image-5.10.0-32-amd64"}},
		{"other flavours", one, []string{"linux-image-5.10.0-33-cloud-amd64", "linux-image-5.10.0-33-rt-amd64", "linux-image-5.10.0-32-amd64", "linux-image-5.10.0-34-amd64-dbg"}, []string{"linux-image-5.10.0-32-amd64"}},
		{"named twice", one, []string{"linux-image-5.10.0-32-amd64", "linux-image-5.10.0-32-amd64"}, []string{"linux-image-5.10.0-32-amd64"}},
		{"split", split, []string{"linux-binary-7.3.4+deb13-amd64", "linux-modules-7.3.4+deb13-amd64", "linux-binary-7.3.5+deb13-amd64"},
			[]string{"linux-binary-7.3.4+deb13-amd64", "linux-modules-7.3.4+deb13-amd64"}},
		{"split, one part twice", split, []string{"linux-binary-7.3.4+deb13-amd64", "linux-binary-7.3.4+deb13-amd64"}, nil},
		{"none", one, []string{"linux-image-6.1.0-32-amd64"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.series.Newest(test.names)
			if diff := cmp.Diff(test.want, got); diff != "" || (err == nil) != (test.want != nil) {
				t.Errorf("Newest() = %v, %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestSelect(t *testing.T) {
	c, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Select([]string{"6.12", "5.10"})
	if err != nil || len(got) != 2 || got[0].Series != "6.12" || got[1].Series != "5.10" {
		t.Errorf("Select(6.12, 5.10) = %v, %v", got, err)
	}
	if all, err := c.Select(nil); err != nil || len(all) != len(c.Series) {
		t.Errorf("Select() = %v, %v; want all", all, err)
	}
	if _, err := c.Select([]string{"6.5"}); err == nil {
		t.Error("Select(6.5): want an error")
	}
}

func TestParseVersion(t *testing.T) {
	tests := []struct {
		release string
		want    Version
		ok      bool
	}{
		{"6.12.117+deb13-amd64", Version{6, 12}, true},
		{"5.10.0-32-amd64", Version{5, 10}, true},
		{"v6.6", Version{6, 6}, true},
		{"7.3-rc1", Version{7, 3}, true},
		{"linux", Version{}, false},
		{"", Version{}, false},
		{"99999999999999999999.1", Version{}, false},
	}
	for _, test := range tests {
		got, err := parseVersion(test.release)
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("parseVersion(%q) = %v, %v; want %v, %v", test.release, got, err, test.want, test.ok)
		}
	}
	if !(Version{5, 10}).Less(Version{6, 1}) || !(Version{6, 1}).Less(Version{6, 12}) || (Version{6, 12}).Less(Version{6, 12}) {
		t.Error("Less is wrong")
	}
}
