package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bpfx/go/internal/kconfig"
)

// matrix runs the same items on several kernels.
type matrix struct {
	options  *options
	dir      string // of this run
	exe      string
	kvm      bool
	items    []Item
	features []Feature
	progress *progress
	stream   io.Writer // nil unless the programs' output is wanted at once
	report   func(*KernelResult)
}

// run boots the targets, at most options.jobs VMs at a time, and returns their results in order.
func (m *matrix) run(ctx context.Context, targets []target) ([]*KernelResult, error) {
	list := shares(targets, m.items, m.options.jobs)
	m.options.jobs = min(m.options.jobs, len(list))
	results := make([]*KernelResult, len(targets))
	parts := make([][]*KernelResult, len(targets))
	var errs []error
	slots := make(chan struct{}, m.options.jobs)
	var wait sync.WaitGroup
	var mu sync.Mutex
	for _, s := range list {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			r, err := m.share(ctx, s)
			mu.Lock()
			defer mu.Unlock()
			errs, parts[s.of] = append(errs, err), append(parts[s.of], r)
			if len(parts[s.of]) < s.parts {
				return
			}
			results[s.of] = m.whole(targets[s.of].Label, parts[s.of])
			m.report(results[s.of])
		})
	}
	wait.Wait()
	return results, errors.Join(errs...)
}

// share runs what one VM has to. A guest that died is tried once more, since QEMU's emulation
// isn't perfect; one in which a test had already failed isn't.
func (m *matrix) share(ctx context.Context, s share) (*KernelResult, error) {
	begin := time.Now()
	r, died, err := m.once(ctx, s, 1)
	if died && !r.anyFailed() && err == nil && ctx.Err() == nil {
		first := r
		m.progress.Show(s.Label, first.Problems[0]+": once more", "")
		r, _, err = m.once(ctx, s, 2)
		r.Notes = append(r.Notes, "the first try failed: "+first.Problems[0])
		if r.KernLog == "" {
			r.Notes = append(r.Notes, "the end of its kernel log:\n"+indent(first.KernLog))
		}
	}
	r.Seconds = time.Since(begin).Seconds()
	return r, err
}

// whole makes one result of a kernel's shares, and judges it.
func (m *matrix) whole(label string, parts []*KernelResult) *KernelResult {
	slices.SortFunc(parts, func(a, b *KernelResult) int { return strings.Compare(a.Label, b.Label) })
	r := merge(label, parts)
	index := func(r ItemResult) int {
		return slices.IndexFunc(m.items, func(i Item) bool { return i.Name == r.Name })
	}
	slices.SortFunc(r.Items, func(a, b ItemResult) int { return index(a) - index(b) })
	verdict := "done"
	if len(m.options.command) == 0 {
		m.judge(r)
		verdict += fmt.Sprintf(": %d passed, %d failed, %d skipped", r.Passed, r.Failed, r.Skipped)
	}
	if len(r.Problems) > 0 {
		verdict += ", not green"
	}
	m.progress.Show(label, verdict, fmt.Sprintf(" (%.1f s)", r.Seconds))
	return r
}

// judge holds a kernel's result against what is expected of it.
func (m *matrix) judge(r *KernelResult) {
	text, _ := os.ReadFile(filepath.Join(r.Dir, "config")) // none: then no CONFIG reason can be verified
	expect, declared, err := loadExpectation(r.Series())
	if err != nil {
		r.problem("%v", err)
	}
	j := judgement{Expect: expect, Declared: declared, Whole: m.options.run == "", Features: m.features}
	if text != nil {
		j.Config = kconfig.Parse(string(text))
	}
	j.judge(r)
}

var unsafeRE = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// once is one try.
func (m *matrix) once(ctx context.Context, s share, try int) (r *KernelResult, died bool, err error) {
	r = &KernelResult{Label: s.Label, Tries: try}
	r.Dir = filepath.Join(m.dir, fmt.Sprintf("%s-%d", strings.Trim(unsafeRE.ReplaceAllString(s.Label, "_"), "_"), try))
	if err := os.Mkdir(r.Dir, 0o755); err != nil {
		r.problem("%v", err)
		return r, false, err
	}
	b := &boot{target: s.target, kvm: m.kvm, dir: r.Dir, exe: m.exe, stream: m.stream, show: m.show,
		plan: Plan{Modules: s.Modules, Configs: s.Configs, Items: s.items}}
	if m.stream != nil && m.options.jobs > 1 {
		b.stream = &prefixWriter{mu: &m.progress.mu, out: m.stream, prefix: s.Label + " | "}
	}
	if err = writePlan(r.Dir, b.plan); err == nil {
		err = b.run(ctx)
	}
	if err != nil {
		r.problem("%v", err)
	}
	if err := m.collect(context.WithoutCancel(ctx), r, b); err != nil {
		r.problem("%v", err)
	}
	return r, b.died, err
}

// collect turns what a boot left behind into results.
func (m *matrix) collect(ctx context.Context, r *KernelResult, b *boot) error {
	r.Release, r.Notes = b.release, b.notes
	if b.problem != "" {
		r.problem("%s", b.problem)
		r.KernLog = logExcerpt(readLog(b.kernelLog()))
	}
	for i, item := range b.plan.Items {
		end, ended := b.ends[i]
		one := ItemResult{Name: item.Name, Ran: i <= b.item, Ended: ended, Exit: end.Exit, Why: end.Why, Output: outputFile(r.Dir, i)}
		if item.Test {
			tests, err := readTests(ctx, item.Name, one.Output)
			if err != nil {
				return err
			}
			one.Tests = tests
		}
		r.Items = append(r.Items, one)
	}
	if r.KernLog == "" {
		r.Notes = append(r.Notes, kernelComplaints(readLog(b.kernelLog()))...)
	}
	return nil
}

// show passes a boot's state on to the progress lines.
func (m *matrix) show(b *boot) {
	switch b.phase {
	case phaseBoot:
		m.progress.Show(b.target.Label, "boot", "")
	case phaseStart:
		item := b.plan.Items[b.item]
		what := fmt.Sprintf("%d/%d %s", b.item+1, len(b.plan.Items), item.Name)
		if !item.Test {
			m.progress.Show(b.target.Label, "run "+item.Name, "")
			return
		}
		m.progress.Show(b.target.Label, what, fmt.Sprintf(": %d tests done", b.testsDone))
	case phaseDone:
		m.progress.Show(b.target.Label, "power off", "")
	}
}
