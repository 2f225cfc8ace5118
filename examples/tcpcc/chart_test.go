package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// saw is a window that grows from 10 to 20 in a second and falls back.
func saw(label string) curve {
	c := curve{label: label}
	for i := range 100 {
		c.points = append(c.points, point{time.Duration(i) * 10 * time.Millisecond, uint32(10 + i/10)})
	}
	return c
}

func TestChart(t *testing.T) {
	var out bytes.Buffer
	printChart(&out, []curve{saw("saw"), {label: "empty"}}, time.Second)
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	if len(lines) != 2*chartHeight+2 {
		t.Fatalf("%d lines:\n%s", len(lines), &out)
	}
	if !strings.HasPrefix(strings.TrimSpace(lines[0]), "saw     19 ┤") || !strings.HasSuffix(lines[0], "█") {
		t.Errorf("the first line is %q", lines[0])
	}
	if full := strings.Count(lines[chartHeight-1], "█"); full != chartWidth {
		t.Errorf("the lowest line has %d full blocks, want %d", full, chartWidth)
	}
}

func TestSummary(t *testing.T) {
	mean, most := saw("").summary()
	if mean < 14.4 || mean > 14.6 || most != 19 {
		t.Errorf("summary() = %v, %d", mean, most)
	}
}

func TestSVG(t *testing.T) {
	svg := drawSVG([]curve{saw("a & b"), saw("c")}, []curve{saw("swap")}, time.Second)
	paths := 0
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "path" {
			for _, a := range e.Attr {
				if a.Name.Local == "fill" && a.Value == "none" {
					paths++
				}
			}
		}
	}
	if paths != 3 {
		t.Errorf("%d curves are drawn, want 3", paths)
	}
}

func TestNiceMax(t *testing.T) {
	for most, want := range map[uint32]float64{1: 1, 9: 10, 10: 10, 11: 12, 64: 80, 1000: 1000} {
		if got := niceMax(most); got < want*0.999 || got > want*1.001 {
			t.Errorf("niceMax(%d) = %v, want %v", most, got, want)
		}
	}
}
