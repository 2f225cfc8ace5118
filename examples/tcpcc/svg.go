package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"time"
)

// The picture, in pixels.
const (
	pictureWidth = 960
	panelHeight  = 320
	marginLeft   = 64
	marginRight  = 24
	marginTop    = 78 // title and legend
	marginBottom = 48
	panelGap     = marginTop + marginBottom
)

// colours can be told apart by the colour-blind too (Okabe and Ito).
var colours = []string{"#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7"}

// drawSVG draws the windows of all congestion controls and, if there was one,
// of the connections of the swap.
func drawSVG(curves, swap []curve, long time.Duration) []byte {
	panels := 1
	if swap != nil {
		panels = 2
	}
	height := panels * (panelHeight + panelGap)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="13" fill="#333">`+"\n", pictureWidth, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", pictureWidth, height)
	p := panel{b: &b, top: marginTop, long: long, most: niceMax(largest(curves))}
	p.draw("TCP congestion windows, each control alone on the path", curves)
	if swap != nil {
		p = panel{b: &b, top: marginTop + panelHeight + panelGap, long: long, most: niceMax(largest(swap))}
		p.draw("Swapped live: Go for C, while connections send", swap)
		p.swapMark(long / 2)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// niceMax returns the end of an axis that shows up to most.
func niceMax(most uint32) float64 {
	step := math.Pow(10, math.Floor(math.Log10(float64(most))))
	for _, m := range []float64{1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10} {
		if m*step >= float64(most) {
			return m * step
		}
	}
	return 10 * step
}

// panel is one chart of the picture.
type panel struct {
	b    *bytes.Buffer
	top  int // where its plot begins
	long time.Duration
	most float64 // segments
}

func (p panel) x(at time.Duration) float64 {
	return marginLeft + float64(pictureWidth-marginLeft-marginRight)*min(1, at.Seconds()/p.long.Seconds())
}

func (p panel) y(cwnd float64) float64 {
	return float64(p.top) + panelHeight*(1-cwnd/p.most)
}

func (p panel) draw(title string, curves []curve) {
	fmt.Fprintf(p.b, `<text x="%d" y="%d" font-size="18" font-weight="600" fill="#111">%s</text>`+"\n", marginLeft, p.top-46, html.EscapeString(title))
	p.axes()
	x := float64(marginLeft)
	for i, c := range curves {
		colour := colours[i%len(colours)]
		fmt.Fprintf(p.b, `<path d="M%.1f %dh22" stroke="%s" stroke-width="3"/><text x="%.1f" y="%d">%s</text>`+"\n",
			x, p.top-22, colour, x+28, p.top-18, html.EscapeString(c.label))
		x += 48 + 7.5*float64(len(c.label))
		p.line(c, colour)
	}
}

// axes draws a grid with numbers.
func (p panel) axes() {
	const steps = 4
	for i := range steps + 1 {
		cwnd := p.most * float64(i) / steps
		fmt.Fprintf(p.b, `<path d="M%d %.1fH%d" stroke="#e4e4e4"/><text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n",
			marginLeft, p.y(cwnd), pictureWidth-marginRight, marginLeft-8, p.y(cwnd)+4, math.Round(cwnd*10)/10)
	}
	for i := range parts(p.long) + 1 {
		at := p.long * time.Duration(i) / time.Duration(parts(p.long))
		fmt.Fprintf(p.b, `<text x="%.1f" y="%d" text-anchor="middle">%.3g s</text>`+"\n", p.x(at), p.top+panelHeight+20, at.Seconds())
	}
	fmt.Fprintf(p.b, `<text transform="translate(18 %d) rotate(-90)" text-anchor="middle">congestion window, segments</text>`+"\n", p.top+panelHeight/2)
}

// parts returns into how many a time is divided on the axis: half seconds, if
// these are neither too many nor too few.
func parts(long time.Duration) int {
	if n := int(long / (500 * time.Millisecond)); n >= 4 && n <= 12 && long%(500*time.Millisecond) == 0 {
		return n
	}
	return 5
}

// line draws a curve as steps: the window is what it is until it changes.
func (p panel) line(c curve, colour string) {
	if len(c.points) == 0 {
		return
	}
	fmt.Fprintf(p.b, `<path fill="none" stroke="%s" stroke-width="1.8" stroke-linejoin="round" d="M%.1f %.1f`, colour, p.x(c.points[0].at), p.y(float64(c.points[0].cwnd)))
	last := c.points[0].cwnd
	for _, pt := range c.points[1:] {
		if pt.at > p.long {
			break // the last few come late
		}
		if pt.cwnd != last {
			fmt.Fprintf(p.b, "H%.1fV%.1f", p.x(pt.at), p.y(float64(pt.cwnd)))
			last = pt.cwnd
		}
	}
	fmt.Fprintf(p.b, `H%.1f"/>`+"\n", p.x(c.points[len(c.points)-1].at))
}

// swapMark marks the moment of the swap.
func (p panel) swapMark(at time.Duration) {
	fmt.Fprintf(p.b, `<path d="M%.1f %dV%d" stroke="#555" stroke-dasharray="4 4"/><text x="%.1f" y="%d" fill="#555">Replace</text>`+"\n",
		p.x(at), p.top, p.top+panelHeight, p.x(at)+6, p.top+14)
}
