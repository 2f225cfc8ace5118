package bpfx_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testprogs"
	"github.com/bpfx/go/internal/testutil"
)

func TestLoad(t *testing.T) {
	testutil.NeedRoot(t)
	p := mustLoad(t, xdpSpec(1))
	if got := p.Type(); got != ebpf.XDP {
		t.Errorf("Type() = %v, want XDP", got)
	}
	if !p.Loaded() || p.Attached() || p.VerifierLog != "" {
		t.Errorf("Loaded() = %v, Attached() = %v, VerifierLog = %q", p.Loaded(), p.Attached(), p.VerifierLog)
	}
}

func TestLoadVerifierLog(t *testing.T) {
	testutil.NeedRoot(t)
	p, err := bpfx.Load(xdpSpec(1), &ebpf.ProgramOptions{LogLevel: ebpf.LogLevelInstruction})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if !strings.Contains(p.VerifierLog, "exit") {
		t.Errorf("VerifierLog = %q, want the program's instructions", p.VerifierLog)
	}
}

func TestLoadErrors(t *testing.T) {
	testutil.NeedRoot(t)
	unknownMap := asm.Instructions{
		asm.LoadMapPtr(asm.R1, 0).WithReference("flows"),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}
	for _, tt := range []struct {
		name string
		spec *ebpf.ProgramSpec
		want string
		is   error
	}{
		{"nil", nil, "nil spec", nil},
		{"empty", &ebpf.ProgramSpec{Type: ebpf.XDP}, "instructions cannot be empty", nil},
		{"no type", &ebpf.ProgramSpec{Instructions: ret(0)}, "unspecified type", nil},
		{"rejected", bpfx.XDP{}.Spec(asm.Instructions{asm.Return()}), "R0 !read_ok", unix.EACCES},
		{"map", bpfx.XDP{}.Spec(unknownMap), "collection", asm.ErrUnsatisfiedMapReference},
		{"map and BTF", &ebpf.ProgramSpec{
			Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: "task", Instructions: unknownMap, License: "GPL",
		}, `map "flows"`, asm.ErrUnsatisfiedMapReference},
		{"no function", bpfx.Fentry{Func: "bpfx_no_such_function"}.Spec(ret(0)), "fentry bpfx_no_such_function", ebpf.ErrNotSupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := bpfx.Load(tt.spec, nil)
			if p != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Load() = %v, %v; want an error with %q", p, err, tt.want)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%q is not %v", err, tt.is)
			}
			if strings.Contains(err.Error(), "MEMLOCK") {
				t.Errorf("%q speaks of MEMLOCK", err)
			}
		})
	}
}

func TestLoadVerifierError(t *testing.T) {
	testutil.NeedRoot(t)
	_, err := bpfx.Load(bpfx.XDP{}.Spec(asm.Instructions{asm.Return()}), nil)
	var ve *ebpf.VerifierError
	if !errors.As(err, &ve) || len(ve.Log) == 0 {
		t.Fatalf("Load() = %v, want a VerifierError with a log", err)
	}
}

// TestLoadWithoutPrivileges loads programs as another user. Root runs it in a
// process of its own: cilium/ebpf remembers for the life of a process what it
// once found that the kernel can't do, and there that is a lot.
func TestLoadWithoutPrivileges(t *testing.T) {
	if os.Geteuid() == 0 {
		const nobody = 65534
		again(t, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}})
		return
	}
	coll, err := testprogs.LoadTestprogs()
	if err != nil {
		t.Fatal(err)
	}
	_, err = bpfx.Load(xdpSpec(1), nil)
	_, collErr := bpfx.LoadCollection(coll, nil)
	for _, err := range []error{err, collErr} {
		if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "CAP_BPF") || strings.Contains(err.Error(), "MEMLOCK") {
			t.Errorf("error = %v, want EPERM that names CAP_BPF and not MEMLOCK", err)
		}
	}
}

// iterSpec returns a program that needs the kernel's BTF to load.
func iterSpec() *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{
		Name: "iter_test", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: "task",
		Instructions: ret(0), License: "GPL",
	}
}

func TestLoadSharesBTF(t *testing.T) {
	testutil.NeedRoot(t)
	bpfx.ReleaseBTF()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			p, err := bpfx.Load(iterSpec(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	allocs := func(spec *ebpf.ProgramSpec) float64 {
		return testing.AllocsPerRun(10, func() {
			p, err := bpfx.Load(spec, nil)
			if err != nil {
				t.Fatal(err)
			}
			p.Close()
		})
	}
	// Decoding the kernel's BTF takes 25,000 allocations.
	if n := allocs(iterSpec()); n > 200 {
		t.Errorf("Load of an iterator with BTF decoded: %v allocations", n)
	}
	bpfx.ReleaseBTF()
	if n := allocs(xdpSpec(1)); n > 50 {
		t.Errorf("Load of an XDP program: %v allocations; it needs no BTF", n)
	}
	mustLoad(t, iterSpec()) // decodes anew
}

func TestFromBytecode(t *testing.T) {
	var order binary.ByteOrder = binary.LittleEndian
	if strings.Contains(object(t), "bpfeb") {
		order = binary.BigEndian
	}
	code := func(insns asm.Instructions) []byte {
		var b bytes.Buffer
		if err := insns.Marshal(&b, order); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	good := code(asm.Instructions{asm.LoadImm(asm.R0, 2, asm.DWord), asm.Return()})
	for _, tt := range []struct {
		name string
		typ  ebpf.ProgramType
		code []byte
		want string
	}{
		{"good", ebpf.XDP, good, ""},
		{"no type", ebpf.UnspecifiedProgram, good, "unspecified program type"},
		{"nothing", ebpf.XDP, nil, "no instructions"},
		{"half an instruction", ebpf.XDP, good[:12], "12 bytes are not a whole number of 8-byte instructions"},
		{"half a wide instruction", ebpf.XDP, good[:8], "decode instruction 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec, err := bpfx.FromBytecode(tt.typ, tt.code)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got := code(spec.Instructions); !bytes.Equal(got, tt.code) || spec.Type != tt.typ {
					t.Errorf("spec = %v %x, want %v %x", spec.Type, got, tt.typ, tt.code)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("FromBytecode() = %v, want %q", err, tt.want)
			}
		})
	}
	testutil.NeedRoot(t)
	spec, err := bpfx.FromBytecode(ebpf.XDP, good)
	if err != nil {
		t.Fatal(err)
	}
	res, err := mustLoad(t, spec).Run(bpfx.RunInput{Data: make([]byte, 14)})
	if err != nil || res.Verdict != "XDP_PASS" {
		t.Errorf("Run() = %+v, %v; want XDP_PASS", res, err)
	}
}

// object returns the path of the object file for this machine's byte order.
func object(t *testing.T) string {
	t.Helper()
	name := "testprogs_bpfel.o"
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		name = "testprogs_bpfeb.o"
	}
	return filepath.Join("..", "internal", "testprogs", name)
}

func TestLoadELF(t *testing.T) {
	testutil.NeedRoot(t)
	for _, tt := range []struct {
		program string
		typ     ebpf.ProgramType
		want    string
	}{
		{"pass", ebpf.XDP, ""},
		{"mark", ebpf.SchedCLS, ""},
		{"tc", ebpf.SchedCLS, ""}, // a section
		{"xdp", 0, `section "xdp" has several programs, name one of count (xdp), drop (xdp), pass (xdp)`},
		{"", 0, "several programs, name one of count (xdp), drop (xdp), jump (socket), mark (tc), pass (xdp)"},
		{"nope", 0, `no program or section "nope"; it has count (xdp)`},
		{"jump", 0, `"stages": make a chain of the file with package tailcall`},
	} {
		t.Run(tt.program, func(t *testing.T) {
			p, err := bpfx.LoadELF(object(t), tt.program)
			if tt.want != "" {
				if p != nil || err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), object(t)) {
					t.Fatalf("LoadELF() = %v, %v; want an error with the path and %q", p, err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if p.Type() != tt.typ {
				t.Errorf("Type() = %v, want %v", p.Type(), tt.typ)
			}
		})
	}
}

func TestLoadELFMaps(t *testing.T) {
	testutil.NeedRoot(t)
	p, err := bpfx.LoadELF(object(t), "count")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Maps["runs"] == nil || p.Maps["unused"] != nil || p.Variables["bytes"] == nil {
		t.Fatalf("Maps = %v, Variables = %v; want those that count uses", p.Maps, p.Variables)
	}
	for range 3 {
		if _, err := p.Run(bpfx.RunInput{Data: make([]byte, 100)}); err != nil {
			t.Fatal(err)
		}
	}
	var runs, total uint64
	if err := p.Maps["runs"].Lookup(uint32(0), &runs); err != nil || runs != 3 {
		t.Errorf("runs = %d, %v; want 3", runs, err)
	}
	if err := p.Variables["bytes"].Get(&total); err != nil || total != 300 {
		t.Errorf("bytes = %d, %v; want 300", total, err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if fd := p.Maps["runs"].FD(); fd >= 0 {
		t.Errorf("map has descriptor %d after Close", fd)
	}
}

func TestLoadELFDamaged(t *testing.T) {
	whole, err := os.ReadFile(object(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bpfx.LoadELF(filepath.Join(t.TempDir(), "none.o"), ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("LoadELF of no file = %v, want os.ErrNotExist", err)
	}
	// Cut off what programs and maps need: whatever is left must not load.
	for n := 0; n < len(whole)*9/10; n += 37 {
		p, err := bpfx.LoadELFReader(bytes.NewReader(whole[:n]), "pass")
		if err == nil {
			p.Close()
			t.Fatalf("the first %d of %d bytes loaded", n, len(whole))
		}
	}
}

func TestLoadCollection(t *testing.T) {
	testutil.NeedRoot(t)
	for want, spec := range map[string]*ebpf.CollectionSpec{
		"nil spec":                 nil,
		`nil spec of program "p"`:  {Programs: map[string]*ebpf.ProgramSpec{"p": nil}},
		`nil spec of map "m"`:      {Maps: map[string]*ebpf.MapSpec{"m": nil}},
		`nil spec of variable "v"`: {Variables: map[string]*ebpf.VariableSpec{"v": nil}},
	} {
		if _, err := bpfx.LoadCollection(spec, nil); err == nil || err.Error() != "load collection: "+want {
			t.Errorf("LoadCollection() = %v, want %q", err, want)
		}
	}
	spec, err := testprogs.LoadTestprogs()
	if err != nil {
		t.Fatal(err)
	}
	c, err := bpfx.LoadCollection(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Spec != spec || len(c.Programs) != len(spec.Programs) || len(c.Maps) != len(spec.Maps) {
		t.Errorf("collection has %d programs and %d maps, want %d and %d", len(c.Programs), len(c.Maps), len(spec.Programs), len(spec.Maps))
	}
	pass := c.Programs["pass"]
	testutil.Netns(t)
	if _, err := pass.Attach(bpfx.XDP{Interface: "lo"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error("Close:", err)
		}
	}
	testutil.Eventually(t, "programs unloaded", func() bool { return !pass.Loaded() })
}
