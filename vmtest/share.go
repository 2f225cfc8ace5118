package main

import (
	"fmt"
	"slices"
)

// share is what one VM runs: a kernel's items, or some of them.
type share struct {
	target     // Label has a number behind it if the kernel has several shares
	of     int // which target
	parts  int // how many shares it has
	items  []Item
}

// shares has at most jobs VMs busy to the end: kernels that don't fill a round of them are
// split. Items are dealt out like cards, since how long each takes isn't known.
func shares(targets []target, items []Item, jobs int) []share {
	var list []share
	whole := len(targets) - len(targets)%jobs
	for i, t := range targets {
		parts := 1
		if i >= whole {
			parts = max(1, min(jobs, len(items)))
		}
		for part := range parts {
			s := share{target: t, of: i, parts: parts}
			if parts > 1 {
				s.Label += fmt.Sprintf("/%d", part+1)
			}
			for j := part; j < len(items); j += parts {
				s.items = append(s.items, items[j])
			}
			list = append(list, s)
		}
	}
	return list
}

// merge makes one result of those of a kernel's shares, not yet judged.
func merge(label string, parts []*KernelResult) *KernelResult {
	r := &KernelResult{Label: label}
	for _, p := range parts {
		r.Items = append(r.Items, p.Items...)
		r.Problems = append(r.Problems, p.Problems...)
		for _, note := range p.Notes {
			if !slices.Contains(r.Notes, note) { // each VM says it
				r.Notes = append(r.Notes, note)
			}
		}
		r.Tries, r.Seconds = max(r.Tries, p.Tries), max(r.Seconds, p.Seconds)
		if r.KernLog == "" {
			r.KernLog = p.KernLog
		}
		if r.Release == "" { // or the guest never came up
			r.Release, r.Dir = p.Release, p.Dir
		}
	}
	return r
}
