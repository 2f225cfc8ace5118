package structops

import (
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// TestLookup compares the running kernel's type with testdata, if it is of one
// of those series, and with the rules.
func TestLookup(t *testing.T) {
	testutil.NeedRoot(t)
	typ, err := Lookup("tcp_congestion_ops")
	if err != nil {
		t.Fatal(err)
	}
	for _, kernel := range series {
		if kernel == typ.Kernel {
			if diff := cmp.Diff(fixture(t, kernel, typ.Name), typ, sameType...); diff != "" {
				t.Errorf("the running kernel's differs from testdata:\n%s", diff)
			}
		}
	}
	checkRules(t, typ)
	_, err = Lookup("tcp_congestion_op")
	if !errors.Is(err, ebpf.ErrNotSupported) || !strings.Contains(err.Error(), "nearest: tcp_congestion_ops") {
		t.Errorf("Lookup() of none = %v, want ErrNotSupported and the nearest", err)
	}
	if _, err := Lookup(""); !errors.Is(err, ebpf.ErrNotSupported) {
		t.Errorf("Lookup() of no name = %v", err)
	}
}

func TestTypes(t *testing.T) {
	testutil.NeedRoot(t)
	types, err := Types()
	if err != nil {
		t.Fatal(err)
	}
	if find(types, "tcp_congestion_ops") == nil {
		t.Fatalf("no tcp_congestion_ops in %v", types)
	}
	for _, typ := range types {
		if len(typ.Members) == 0 || typ.Size == 0 || !strings.HasPrefix(typ.String(), "struct "+typ.Name+" {\n") {
			t.Errorf("type %q is empty: %v", typ.Name, typ)
		}
		for _, m := range typ.Members {
			if m.Func != (m.Prototype() != "") || !m.Func && m.Type == "" {
				t.Errorf("%s.%s = %+v", typ.Name, m.Name, m)
			}
		}
	}
}

// TestLookupRemembers wants that a type is looked up by its name alone once it
// is known: to walk over all types of the kernel, or to list its modules, takes
// memory.
func TestLookupRemembers(t *testing.T) {
	testutil.NeedRoot(t)
	lookup := func() {
		if _, err := Lookup("tcp_congestion_ops"); err != nil {
			t.Fatal(err)
		}
	}
	// Those of all goroutines are counted: many runs, since it rounds down.
	if n := testing.AllocsPerRun(1000, lookup); n != 0 {
		t.Errorf("a second lookup allocates %v times", n)
	}
}

func TestField(t *testing.T) {
	testutil.NeedRoot(t)
	for _, tt := range []struct {
		name, path string
		size       int
	}{
		{"tcp_sock", "snd_cwnd", 4},
		{"inet_connection_sock", "icsk_ack.pending", 1},
		{"inet_connection_sock", "icsk_ca_priv", 104},
		{"sock", "__sk_common.skc_daddr", 4}, // in an anonymous struct of an anonymous union
	} {
		f, err := Field(tt.name, tt.path)
		if err != nil {
			t.Error(err)
			continue
		}
		if f.Offset < 0 || f.Size != tt.size {
			t.Errorf("Field(%q, %q) = %+v, want size %d", tt.name, tt.path, f, tt.size)
		}
	}
	for _, tt := range []struct{ name, path, want string }{
		{"tcp_sock", "snd_cwmd", "nearest: snd_cwnd"},
		{"tcp_sock", "", "no \"\""},
		{"tcp_sock", "snd_cwnd.x", "no \"x\""},
		{"tcp_sock", "is_cwnd_limited", "bit field"},
		{"no_such_struct", "x", "none"},
		{"u32", "x", "no struct"},
	} {
		if f, err := Field(tt.name, tt.path); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Field(%q, %q) = %+v, %v; want an error with %q", tt.name, tt.path, f, err, tt.want)
		}
	}
	if _, err := (FieldInfo{Size: 104}).Load(asm.R1, asm.R2); err == nil {
		t.Error("a load of 104 bytes works")
	}
	if _, err := (FieldInfo{Size: 4, Offset: 40000}).Store(asm.R1, asm.R2); err == nil {
		t.Error("a store at 40000 works")
	}
}

// TestKfunc writes a congestion control that calls reno's functions.
func TestKfunc(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedKernel(t, "5.13", "calls of kernel functions")
	s := minimal("bpfx_kfunc")
	typ, err := Lookup(s.Type)
	if err != nil {
		t.Fatal(err)
	}
	for member, name := range map[string]string{"ssthresh": "tcp_reno_ssthresh", "undo_cwnd": "tcp_reno_undo_cwnd", "cong_avoid": "tcp_reno_cong_avoid"} {
		call, err := Kfunc(name)
		if err != nil {
			t.Fatal(err)
		}
		ctx, err := typ.Ctx(member)
		if err != nil {
			t.Fatal(err)
		}
		m, _ := typ.Member(member)
		insns := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
		for i, a := range m.Args {
			arg, err := ctx.Arg(asm.R1+asm.Register(i), asm.R6, a.Name)
			if err != nil {
				t.Fatal(err)
			}
			insns = append(insns, arg)
		}
		insns = append(insns, call)
		if m.Return == "void" {
			insns = append(insns, asm.Mov.Imm(asm.R0, 0))
		}
		s.Funcs[member] = program(append(insns, asm.Return())...)
	}
	mustRegister(t, s)
	if _, err := Kfunc("no_such_function"); !errors.Is(err, ebpf.ErrNotSupported) {
		t.Errorf("Kfunc() of none = %v, want ErrNotSupported", err)
	}
	ctx, err := typ.Ctx("ssthresh")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ctx.Arg(asm.R1, asm.R1, "acked"); err == nil {
		t.Error("ssthresh has an argument acked")
	}
	if _, err := typ.Ctx("flags"); err == nil {
		t.Error("flags has arguments")
	}
}

func TestKfuncOfModule(t *testing.T) {
	testutil.NeedModule(t, "tcp_dctcp", "CONFIG_TCP_CONG_DCTCP")
	testutil.NeedKernel(t, "5.13", "calls of kernel functions")
	bpfx.ReleaseBTF() // the module may be newer than the cache
	_, err := Kfunc("dctcp_ssthresh")
	if !errors.Is(err, ebpf.ErrNotSupported) || !strings.Contains(err.Error(), "module tcp_dctcp") {
		t.Errorf("Kfunc() of a module = %v, want ErrNotSupported that names it", err)
	}
}

func TestKfuncBefore(t *testing.T) {
	testutil.NeedRoot(t)
	if testutil.KernelAtLeast(t, "5.13") {
		if _, err := Kfunc("tcp_reno_ssthresh"); err != nil {
			t.Error(err)
		}
		return
	}
	if _, err := Kfunc("tcp_reno_ssthresh"); !errors.Is(err, ebpf.ErrNotSupported) || !strings.Contains(err.Error(), "5.13") {
		t.Errorf("Kfunc() = %v, want ErrNotSupported since 5.13", err)
	}
}

// TestLoadErrors wants clear errors, and nothing left behind, which TestMain
// looks for.
func TestLoadErrors(t *testing.T) {
	testutil.NeedRoot(t)
	if _, err := Load(nil); err == nil {
		t.Error("Load of nil works")
	}
	var verdict *ValidationError
	if _, err := Load(&Spec{Type: "tcp_congestion_ops"}); !errors.As(err, &verdict) || len(verdict.Findings) != 4 {
		t.Errorf("Load of an empty spec = %v, want four findings", err)
	}
	if _, err := Load(&Spec{Type: "no_such_ops"}); !errors.Is(err, ebpf.ErrNotSupported) {
		t.Errorf("Load of no type = %v, want ErrNotSupported", err)
	}
	s := minimal("bpfx_verifier")
	s.Funcs["ssthresh"] = program(asm.LoadMem(asm.R0, asm.R5, 0, asm.DWord), asm.Return())
	var load *bpfx.LoadError
	var verifier *ebpf.VerifierError
	if _, err := Load(s); !errors.As(err, &load) || load.Program != "ssthresh" || !errors.As(err, &verifier) {
		t.Errorf("Load of what the verifier refuses = %v", err)
	}
	if o, err := Load(minimal("bpfx_fine")); err != nil {
		t.Error(err)
	} else if err := o.Close(); err != nil {
		t.Error(err)
	}
	// A type that the kernel describes and can't register.
	dummy := &Spec{Type: "bpf_dummy_ops", Funcs: map[string]*ebpf.ProgramSpec{"test_1": returns(0)}}
	if o, err := Load(dummy); err == nil {
		if err := o.Register(); !errors.Is(err, ebpf.ErrNotSupported) {
			t.Errorf("Register of bpf_dummy_ops = %v, want ErrNotSupported", err)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	} else if !errors.Is(err, ebpf.ErrNotSupported) {
		t.Errorf("Load of bpf_dummy_ops = %v, want ErrNotSupported", err)
	}
}

// TestNil calls every method on nothing.
func TestNil(t *testing.T) {
	var o *Ops
	if err := o.Close(); err != nil {
		t.Errorf("Close() of nil = %v", err)
	}
	if o.Type() != nil || o.Name() != "" || o.ID() != 0 {
		t.Error("nil has a type, name or id")
	}
	if o.Registered() || o.String() != "nil operations" {
		t.Errorf("nil is registered, or %q", o)
	}
	for name, err := range map[string]error{
		"Register": o.Register(), "Unregister": o.Unregister(), "Replace": o.Replace(nil), "Pin": o.Pin("x"), "Unpin": o.Unpin(), "WaitUnused": o.WaitUnused(t.Context()),
	} {
		if err == nil {
			t.Errorf("%s of nil works", name)
		}
	}
	if err := With(nil, func(*Ops) error { return nil }); err == nil {
		t.Error("With of nil works")
	}
	if err := WithRegistered(minimal("x"), nil); err == nil {
		t.Error("WithRegistered without a function works")
	}
}

// TestWith keeps the contract of scopes on a kernel.
func TestWith(t *testing.T) {
	testutil.NeedRoot(t)
	mine := errors.New("mine")
	var kept *Ops
	err := WithRegistered(minimal("bpfx_with"), func(o *Ops) error {
		kept = o
		if !available(t, "bpfx_with") {
			t.Error("it isn't registered in the scope")
		}
		return mine
	})
	if err != mine { //nolint:errorlint // unchanged is what is promised
		t.Errorf("WithRegistered() = %v, want the function's error unchanged", err)
	}
	if available(t, "bpfx_with") || kept.Registered() {
		t.Error("it is registered after the scope")
	}
	func() {
		defer func() { _ = recover() }()
		_ = WithRegistered(minimal("bpfx_with"), func(*Ops) error { panic("out") })
	}()
	if available(t, "bpfx_with") {
		t.Error("it is registered after a panic")
	}
}

// TestFromELFLoads loads both variables of an object and asks the kernel which
// programs are in them.
func TestFromELFLoads(t *testing.T) {
	testutil.NeedRoot(t)
	for _, object := range []string{pairObject, plainObject} {
		specs, err := FromELF(object)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range specs {
			if s.Variable == "warped" {
				if _, err := Load(s); err == nil || !strings.Contains(err.Error(), "teleport") {
					t.Errorf("Load of members that the kernel lacks = %v", err)
				}
				continue
			}
			s.Name = "bpfx_" + s.Variable
			o := mustRegister(t, s)
			value, err := readValue(o.m)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range o.typ.Members {
				var want ebpf.ProgramID
				if p := o.Programs[m.Name]; p != nil {
					info, err := p.Info()
					if err != nil {
						t.Fatal(err)
					}
					want, _ = info.ID()
					if full := s.Funcs[m.Name].Name; info.Name != full[:min(15, len(full))] {
						t.Errorf("%s.%s is %q, want %q", s.Variable, m.Name, info.Name, full)
					}
				}
				// The kernel shows the ids of programs.
				if got := toUint(value[o.typ.data+m.Offset:][:min(8, m.Size)]); m.Func && got != uint64(want) {
					t.Errorf("%s.%s is program %d, want %d", s.Variable, m.Name, got, want)
				}
			}
			if want := !s.NoLink && testutil.KernelAtLeast(t, "6.4"); o.linked != want {
				t.Errorf("%s: NoLink %v, linked %v", s.Variable, s.NoLink, o.linked)
			}
			if err := o.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestFromELFManyLoads loads both variables of an object, a hundred loads in
// all: never does one get a program of the other.
func TestFromELFManyLoads(t *testing.T) {
	testutil.NeedRoot(t)
	for range 50 {
		specs, err := FromELF(pairObject)
		if err != nil {
			t.Fatal(err)
		}
		for i, ssthresh := range []string{"alpha_ssthresh", "beta_ssthresh"} {
			err := With(specs[i], func(o *Ops) error {
				info, err := o.Programs["ssthresh"].Info()
				if err != nil {
					return err
				}
				if _, init := o.Programs["init"]; info.Name != ssthresh || init != (i == 1) {
					t.Errorf("%s has %q, and init: %v", specs[i].Variable, info.Name, init)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
