package testpkt

import "fmt"

// store holds the layers that a [Decoder] gives out, to be used again for the
// next packet.
type store struct {
	used     used
	ethernet []Ethernet
	vlan     []VLAN
	ipv4     []IPv4
	ipv6     []IPv6
	tcp      []TCP
	udp      []UDP
	payload  []Payload
	trailer  []Trailer
}

// used is how many of each are in use.
type used struct{ ethernet, vlan, ipv4, ipv6, tcp, udp, payload, trailer uint16 }

// take returns the next element of s that isn't in use. What s held before it
// was extended stays valid, in the memory where it was.
func take[T any](s *[]T, used *uint16) *T {
	if int(*used) == len(*s) {
		var zero T
		*s = append(*s, zero)
	}
	*used++
	return &(*s)[*used-1]
}

// head is what a layer's decode method found out, as [Head] without the layer.
type head struct {
	n       int  // bytes of the header
	total   int  // bytes of header and all it carries; 0: unknown, -1: nonsense
	partial bool // what follows isn't whole: a quotation or a first fragment
	space   Space
	number  uint16
}

// nameOf returns the name of a layer that h announced, for errors.
func (h head) nameOf(l Layer) string {
	if l != nil {
		return layerName(l)
	}
	return fmt.Sprintf("layer %#x of space %d", h.number, h.space)
}

// next decodes the layer that h announced from the head of data. It returns
// nil without an error if that is a payload, and with an error also what layer
// it was to be.
func (d *Decoder) next(h head, data []byte) (Layer, head, error) {
	if d.funcs != nil {
		if f, ok := d.funcs[announced{h.space, h.number}]; ok {
			return foreign(f, data)
		}
	}
	switch h.space {
	case SpaceLinkType:
		return d.linkType(h.number, data)
	case SpaceEtherType:
		return d.etherType(h.number, data)
	case SpaceIPProtocol:
		return d.ipProtocol(h.number, data)
	}
	return nil, head{}, nil
}

// foreign calls f and checks what it says.
func foreign(f DecodeFunc, data []byte) (Layer, head, error) {
	h, err := f(data)
	if err == nil && h.Layer != nil && (h.Len < 0 || h.Len > len(data)) {
		err = fmt.Errorf("header of %d bytes in %d", h.Len, len(data))
	}
	return h.Layer, head{n: h.Len, total: h.Total, space: h.Space, number: h.Number}, err
}

func (d *Decoder) linkType(n uint16, data []byte) (Layer, head, error) {
	switch {
	case n == LinkTypeEthernet:
		l := take(&d.ethernet, &d.used.ethernet)
		h, err := l.decode(data)
		return l, h, err
	case n == LinkTypeIPv6, n == LinkTypeIP && len(data) > 0 && data[0]>>4 == 6:
		return d.etherType(EtherTypeIPv6, data)
	case n == LinkTypeIPv4, n == LinkTypeIP:
		return d.etherType(EtherTypeIPv4, data)
	}
	return nil, head{}, nil
}

func (d *Decoder) etherType(n uint16, data []byte) (Layer, head, error) {
	switch n {
	case EtherTypeIPv4:
		l := take(&d.ipv4, &d.used.ipv4)
		h, err := l.decode(data)
		return l, h, err
	case EtherTypeIPv6:
		l := take(&d.ipv6, &d.used.ipv6)
		h, err := l.decode(data)
		return l, h, err
	case EtherTypeVLAN, EtherTypeQinQ:
		l := take(&d.vlan, &d.used.vlan)
		h, err := l.decode(data)
		return l, h, err
	}
	return nil, head{}, nil
}

func (d *Decoder) ipProtocol(n uint16, data []byte) (Layer, head, error) {
	switch n {
	case ProtocolTCP:
		l := take(&d.tcp, &d.used.tcp)
		h, err := l.decode(data)
		return l, h, err
	case ProtocolUDP:
		l := take(&d.udp, &d.used.udp)
		h, err := l.decode(data)
		return l, h, err
	case ProtocolIPv4:
		return d.etherType(EtherTypeIPv4, data)
	case ProtocolIPv6:
		return d.etherType(EtherTypeIPv6, data)
	}
	return nil, head{}, nil
}

// valueOf returns what a pointer to a layer of this package points to, and
// other layers as they are.
func valueOf(l Layer) Layer {
	switch l := l.(type) {
	case *Ethernet:
		return *l
	case *VLAN:
		return *l
	case *IPv4:
		return *l
	case *IPv6:
		return *l
	case *TCP:
		return *l
	case *UDP:
		return *l
	case *Payload:
		return *l
	case *Trailer:
		return *l
	}
	return l
}
