package bpfx

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"maps"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
)

// mustParse returns what cilium/ebpf makes of an object file that has a
// program in each of the given sections, named by the keys.
func mustParse(tb testing.TB, sections map[string]string) *ebpf.CollectionSpec {
	tb.Helper()
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(objectFile(sections)))
	if err != nil {
		tb.Fatal(err)
	}
	return spec
}

// objectFile returns an ELF file with programs that return 0.
func objectFile(sections map[string]string) []byte {
	const (
		headerSize  = 64
		sectionSize = 64
		symbolSize  = 24
	)
	order := binary.LittleEndian
	code := append([]byte{0xb7, 0, 0, 0, 0, 0, 0, 0}, 0x95, 0, 0, 0, 0, 0, 0, 0) // r0 = 0; exit
	var names, symbols, body bytes.Buffer
	addName := func(s string) uint32 {
		at := uint32(names.Len())
		names.WriteString(s + "\x00")
		return at
	}
	write := func(to *bytes.Buffer, v any) {
		if err := binary.Write(to, order, v); err != nil {
			panic(err) // v has no fixed size
		}
	}
	addName("")
	write(&symbols, elf.Sym64{})
	headers := []elf.Section64{{}}
	add := func(h elf.Section64, data []byte) {
		h.Off, h.Size, h.Addralign = uint64(headerSize+body.Len()), uint64(len(data)), 1
		body.Write(data)
		headers = append(headers, h)
	}
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		write(&symbols, elf.Sym64{
			Name: addName(name), Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC),
			Shndx: uint16(len(headers)), Size: uint64(len(code)),
		})
		add(elf.Section64{
			Name: addName(sections[name]), Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC | elf.SHF_EXECINSTR),
		}, code)
	}
	add(elf.Section64{Name: addName("license"), Type: uint32(elf.SHT_PROGBITS)}, []byte("GPL\x00"))
	strtab := uint32(len(headers) + 1)
	add(elf.Section64{Name: addName(".symtab"), Type: uint32(elf.SHT_SYMTAB), Link: strtab, Info: 1, Entsize: symbolSize}, symbols.Bytes())
	name := addName(".strtab")
	add(elf.Section64{Name: name, Type: uint32(elf.SHT_STRTAB)}, names.Bytes())

	var file bytes.Buffer
	write(&file, elf.Header64{
		Ident:   [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:    uint16(elf.ET_REL),
		Machine: uint16(elf.EM_BPF),
		Version: uint32(elf.EV_CURRENT),
		Shoff:   uint64(headerSize + body.Len()),
		Ehsize:  headerSize, Shentsize: sectionSize, Shnum: uint16(len(headers)), Shstrndx: uint16(strtab),
	})
	file.Write(body.Bytes())
	for _, h := range headers {
		write(&file, h)
	}
	return file.Bytes()
}
