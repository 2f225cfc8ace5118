package tailcall_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx/tailcall"
	"github.com/bpfx/go/examples/tailcall/pipeline"
)

func mustObject(tb testing.TB) *ebpf.CollectionSpec {
	tb.Helper()
	coll, err := pipeline.LoadPipeline()
	if err != nil {
		tb.Fatal(err)
	}
	return coll
}

// describe returns the arrays of a spec and what is in them.
func describe(s *tailcall.Spec) string {
	lines := []string{"entry " + s.Entry.Name}
	for _, p := range s.Others {
		lines = append(lines, "other "+p.Name)
	}
	for _, a := range append([]tailcall.Array{{Map: s.Map, MaxEntries: s.MaxEntries, Slots: s.Slots}}, s.Nested...) {
		names := make([]string, a.MaxEntries)
		for _, slot := range a.Slots {
			names[slot.Index] = slot.Program.Name
		}
		lines = append(lines, a.Map+" "+strings.Join(names, ","))
	}
	return strings.Join(lines, "\n")
}

func TestFromCollectionSpec(t *testing.T) {
	s, err := tailcall.FromCollectionSpec(mustObject(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "entry entry\nstages parse,vlan,ipv4,ipv6,tcp,udp\nverdicts pass,drop"
	if diff := cmp.Diff(want, describe(s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}

	// Another entry, a slot that changes, and programs that are loaded along.
	s, err = tailcall.FromCollectionSpec(mustObject(t), &tailcall.ObjectOptions{
		Entry: "tcp", Others: []string{"udp_v2"}, Slots: map[string]map[uint32]string{"stages": {5: "pass"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want = "entry tcp\nother entry\nother udp\nother udp_v2\nverdicts pass,drop\nstages parse,vlan,ipv4,ipv6,tcp,pass"
	if diff := cmp.Diff(want, describe(s)); diff != "" {
		t.Errorf("with options (-want +got):\n%s", diff)
	}
}

func TestFromCollectionSpecFails(t *testing.T) {
	without := func(change func(*ebpf.CollectionSpec)) *ebpf.CollectionSpec {
		coll := mustObject(t)
		change(coll)
		return coll
	}
	for _, tt := range []struct {
		name string
		coll *ebpf.CollectionSpec
		opts tailcall.ObjectOptions
		want string
	}{
		{"nil", nil, tailcall.ObjectOptions{}, "nil spec"},
		{"empty", &ebpf.CollectionSpec{}, tailcall.ObjectOptions{}, "no program arrays"},
		{"entry", mustObject(t), tailcall.ObjectOptions{Entry: "start"}, `Entry: no program "start": it has drop, entry, `},
		{"others", mustObject(t), tailcall.ObjectOptions{Others: []string{"start"}}, `Others: no program "start"`},
		{"array", mustObject(t), tailcall.ObjectOptions{Slots: map[string]map[uint32]string{"stage": {0: "tcp"}}}, `no array "stage", which Slots names: it has stages and verdicts`},
		{"slot", mustObject(t), tailcall.ObjectOptions{Slots: map[string]map[uint32]string{"stages": {0: "start"}}}, `array "stages": slot 0: no program "start"`},
		{"no entry", without(func(c *ebpf.CollectionSpec) { delete(c.Programs, "entry") }), tailcall.ObjectOptions{}, "no program outside of slots makes tail calls: set Entry"},
		{"initialiser", without(func(c *ebpf.CollectionSpec) { c.Maps["stages"].Contents[0].Value = 1 }), tailcall.ObjectOptions{}, `array "stages": initialiser 0: 1 isn't the name`},
		{"several entries", without(func(c *ebpf.CollectionSpec) { c.Maps["stages"].Contents = c.Maps["stages"].Contents[:1] }), tailcall.ObjectOptions{}, "set Entry to one of entry, ipv4, ipv6, "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tailcall.FromCollectionSpec(tt.coll, &tt.opts); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("FromCollectionSpec() = %v, want %q in it", err, tt.want)
			}
		})
	}
}

// TestObjectCheck takes stages out of an object's array.
func TestObjectCheck(t *testing.T) {
	coll := mustObject(t)
	stages := coll.Maps["stages"]
	stages.Contents = slices.DeleteFunc(stages.Contents, func(kv ebpf.MapKV) bool { return kv.Value == "ipv6" })
	s, err := tailcall.FromCollectionSpec(coll, &tailcall.ObjectOptions{Entry: "entry"})
	if err != nil {
		t.Fatal(err)
	}
	s.Others = nil
	want := `chain "stages": 2 findings:
error: program "parse", instruction 52, array "stages", slot 3: tail call falls through: the slot is empty; fill it, or make it Optional
error: program "vlan", instruction 51, array "stages", slot 3: tail call falls through: the slot is empty; fill it, or make it Optional`
	if err := s.Check(); err == nil || err.Error() != want {
		t.Errorf("Check() = %v\nwant %s", err, want)
	}
}
