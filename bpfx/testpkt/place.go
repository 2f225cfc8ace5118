package testpkt

import (
	"fmt"
	"net/netip"
)

// A Place is where a [Layer] stands in the packet that is being built: between
// which neighbours, and below which addresses.
//
// A Place is only valid until the method it was passed to returns. The zero
// Place is that of a layer without neighbours.
type Place struct {
	// Four words: a larger struct isn't kept in registers, and building a packet
	// of four layers would take 80 ns more.
	layers []Layer
	i      uint32
	// addrs is hasAddrs and the ones' complement sum of the addresses of the
	// nearest network layer before this one, and inFragment.
	addrs uint32
}

const (
	hasAddrs   = 1 << 31
	inFragment = 1 << 30 // what follows isn't whole
	addrSum    = inFragment - 1
)

// Next returns the layer after this one, nil if this is the last.
func (p Place) Next() Layer {
	if int(p.i)+1 >= len(p.layers) {
		return nil
	}
	return p.layers[p.i+1]
}

// Prev returns the layer before this one, nil if this is the first.
func (p Place) Prev() Layer {
	if p.i == 0 {
		return nil
	}
	return p.layers[p.i-1]
}

// NextNumber returns the number that announces the next layer in space s, and
// whether it has one. If there is no next layer it is that of a [Payload].
func (p Place) NextNumber(s Space) (n uint16, ok bool) {
	n, ok = p.next().Number(s)
	if n == EtherTypeVLAN && s == SpaceEtherType {
		n = p.tagType()
	}
	return n, ok
}

var noPayload Layer = Payload(nil)

// next returns the next layer, or an empty payload if this is the last.
func (p Place) next() Layer {
	if i := int(p.i) + 1; i < len(p.layers) {
		return p.layers[i]
	}
	return noPayload
}

// carriesNothing reports whether there is no next layer but a trailer.
func (p Place) carriesNothing() bool {
	switch p.Next().(type) {
	case nil, Trailer, *Trailer:
		return true
	}
	return false
}

// tagType returns the EtherType of the VLAN tag that is next: that of a service
// tag if another tag follows it.
func (p Place) tagType() uint16 {
	p.i++
	if n, ok := p.next().Number(SpaceEtherType); ok && n == EtherTypeVLAN {
		return EtherTypeQinQ
	}
	return EtherTypeVLAN
}

// cannotCarry is the error for a next layer that has no number for field.
func (p Place) cannotCarry(field string) error {
	return p.Errorf(field, "%s cannot follow: no number announces it", layerName(p.Next()))
}

// AppendNext appends the layers after this one to b and returns the extended
// slice. It returns b itself if there are none.
func (p Place) AppendNext(b []byte) ([]byte, error) {
	for p.i++; int(p.i) < len(p.layers); p.i++ {
		data, ok := p.layers[p.i].(Payload)
		if !ok {
			return p.layers[p.i].Append(b, p)
		}
		b = append(b, data...) // as Payload.Append, without the call
	}
	return b, nil
}

// WithAddresses returns p for a layer that has network addresses, to call
// [Place.AppendNext] on: they become part of the pseudo header of the transport
// layers that follow, up to the next layer with addresses.
func (p Place) WithAddresses(src, dst netip.Addr) Place {
	return p.withAddressSum(uint32(PseudoSum(src, dst, 0, 0)))
}

// withAddressSum is WithAddresses for a sum of at most 30 bits.
func (p Place) withAddressSum(sum uint32) Place {
	p.addrs = sum | hasAddrs | p.addrs&inFragment
	return p
}

// noSum is the error if there can't be a checksum with a pseudo header.
func (p Place) noSum() error {
	if p.addrs&inFragment != 0 {
		return p.inFragmentError("Checksum")
	}
	return p.Errorf("Checksum", "no IPv4 or IPv6 layer before it")
}

// inFragmentError is the error for a field that depends on other fragments.
func (p Place) inFragmentError(field string) error {
	return p.Errorf(field, "depends on data in other fragments: set it, or cut a whole packet with Fragments")
}

// InFragment reports whether this layer is in a fragment, so that data which a
// checksum or a length counts may lie in other packets.
func (p Place) InFragment() bool { return p.addrs&inFragment != 0 }

// PseudoSum returns the ones' complement sum of the pseudo header (RFC 9293
// section 3.1, RFC 8200 section 8.1) of n bytes of protocol, from where [Sum]
// can go on. The addresses are those of the nearest layer before this one that
// has any; ok is false if there is none.
func (p Place) PseudoSum(protocol uint8, n int) (sum uint16, ok bool) {
	return fold(p.pseudoSum(protocol, n)), p.addrs&hasAddrs != 0
}

func (p Place) pseudoSum(protocol uint8, n int) uint64 {
	return uint64(p.addrs&addrSum) + uint64(protocol) + uint64(n)
}

// Errorf returns a [*LayerError] for this layer with the formatted text. The
// field may be empty if no single one is at fault.
func (p Place) Errorf(field, format string, args ...any) error {
	e := &LayerError{Index: int(p.i), Layer: "no packet", Field: field, Err: fmt.Errorf(format, args...)}
	if len(p.layers) > 0 {
		e.Layer = layerName(p.layers[p.i])
	}
	return e
}
