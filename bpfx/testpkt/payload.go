package testpkt

// Payload is bytes as they are, usually the last layer. A string converts to
// it, and so does a packet that was built before.
type Payload []byte

// Append implements [Layer].
func (l Payload) Append(b []byte, p Place) ([]byte, error) {
	return p.AppendNext(append(b, l...))
}

// Number implements [Layer]. A payload is announced as [EtherTypeExperimental]
// or [ProtocolExperimental] and has no port.
func (l Payload) Number(s Space) (uint16, bool) {
	switch s {
	case SpaceEtherType:
		return EtherTypeExperimental, true
	case SpaceIPProtocol:
		return ProtocolExperimental, true
	}
	return 0, true
}
