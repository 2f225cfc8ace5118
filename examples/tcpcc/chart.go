package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// point is a congestion window at a time since the start.
type point struct {
	at   time.Duration
	cwnd uint32 // segments
}

// curve is a window over time.
type curve struct {
	label  string
	points []point
}

// summary returns the mean and the largest window.
func (c curve) summary() (mean float64, most uint32) {
	for _, p := range c.points {
		mean += float64(p.cwnd) / float64(len(c.points))
		most = max(most, p.cwnd)
	}
	return mean, most
}

// at returns the mean window in the part of the time from..to, or the last one
// before it.
func (c curve) at(from, to time.Duration) float64 {
	sum, n, last := 0.0, 0, 0.0
	for _, p := range c.points {
		switch {
		case p.at >= to:
		case p.at >= from:
			sum, n = sum+float64(p.cwnd), n+1
		default:
			last = float64(p.cwnd)
		}
	}
	if n == 0 {
		return last
	}
	return sum / float64(n)
}

func largest(curves []curve) uint32 {
	most := uint32(1)
	for _, c := range curves {
		_, m := c.summary()
		most = max(most, m)
	}
	return most
}

const (
	chartWidth  = 64 // characters
	chartHeight = 4  // lines each
)

// printChart draws a small chart of each curve, all to the same scale.
func printChart(w io.Writer, curves []curve, long time.Duration) {
	most := largest(curves)
	blocks := []rune(" ▁▂▃▄▅▆▇█")
	for _, c := range curves {
		for line := chartHeight - 1; line >= 0; line-- {
			var b strings.Builder
			for x := range chartWidth {
				from := long * time.Duration(x) / chartWidth
				height := c.at(from, from+long/chartWidth) / float64(most) * chartHeight * 8 // eighths
				b.WriteRune(blocks[min(8, max(0, int(height+0.5)-8*line))])
			}
			label, mark := "", ""
			switch line {
			case chartHeight - 1:
				label, mark = c.label, fmt.Sprint(most)
			case 0:
				mark = "0"
			}
			fmt.Fprintf(w, "%12s %6s ┤%s\n", label, mark, strings.TrimRight(b.String(), " "))
		}
	}
	fmt.Fprintf(w, "%12s %6s └%s\n%19s 0%*s\n", "", "", strings.Repeat("─", chartWidth), "", chartWidth-1, fmt.Sprint(long))
}
