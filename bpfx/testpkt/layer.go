package testpkt

// A Layer is one header of a packet, or its payload.
//
// The layers of this package are plain structs that are passed by value, or by
// pointer where one changes between two packets. Other packages can add their
// own. Building a packet must not change its layers; then they can be used in
// many packets and by many goroutines at once.
type Layer interface {
	// Append appends the layer's header and, by calling [Place.AppendNext]
	// once, all layers after it. Then it patches what depends on them, such as
	// lengths and checksums, and returns the extended slice. Bytes of b before
	// its length belong to layers before this one and must be left alone.
	//
	// Errors are best made with [Place.Errorf], which adds the layer's name.
	Append(b []byte, p Place) ([]byte, error)

	// Number returns the number that announces this layer in the header before
	// it, and whether it has one in space s. A layer that can be carried over a
	// space of ports, but has no port of its own, returns 0 and true.
	Number(s Space) (n uint16, ok bool)
}

// A Space is a set of numbers by which a header announces the next layer.
// Values from 128 on are left to layers of other packages.
type Space uint8

// The spaces that the layers of this package use.
const (
	SpaceEtherType  Space = iota + 1 // EtherTypes, 16 bits: Ethernet, VLAN
	SpaceIPProtocol                  // IP protocol numbers, 8 bits: IPv4, IPv6
	SpaceTCPPort                     // TCP destination ports, 16 bits
	SpaceUDPPort                     // UDP destination ports, 16 bits
	SpaceLinkType                    // link types of capture files: how a packet starts
)

// PortVXLAN is the UDP port of [VXLAN].
const PortVXLAN = 4789

// Link types, as pcap files number them.
const (
	LinkTypeEthernet = 1
	LinkTypeIP       = 101 // IPv4 or IPv6, as the version says
	LinkTypeIPv4     = 228
	LinkTypeIPv6     = 229
)

// EtherTypes of the layers of this package.
const (
	EtherTypeIPv4         = 0x0800
	EtherTypeARP          = 0x0806
	EtherTypeBridging     = 0x6558 // Ethernet in GRE
	EtherTypeVLAN         = 0x8100 // IEEE 802.1Q customer tag
	EtherTypeIPv6         = 0x86dd
	EtherTypeQinQ         = 0x88a8 // IEEE 802.1ad service tag
	EtherTypeExperimental = 0x88b5 // IEEE 802 local experimental 1; announces a Payload
)

// IP protocol numbers of the layers of this package.
const (
	ProtocolHopByHop     = 0
	ProtocolICMP         = 1
	ProtocolIPv4         = 4
	ProtocolTCP          = 6
	ProtocolUDP          = 17
	ProtocolIPv6         = 41
	ProtocolRouting      = 43
	ProtocolFragment     = 44
	ProtocolGRE          = 47
	ProtocolICMPv6       = 58
	ProtocolNoNext       = 59  // nothing follows, RFC 8200 section 4.7
	ProtocolDestination  = 60  // destination options
	ProtocolExperimental = 253 // RFC 3692; announces a Payload
)
