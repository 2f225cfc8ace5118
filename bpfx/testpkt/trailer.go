package testpkt

// Trailer is bytes behind the end of the packet that the lengths in its headers
// give, such as the padding of a short Ethernet frame or its frame check
// sequence. It is the last layer; no length or checksum counts it.
type Trailer []byte

// Append implements [Layer]. It appends nothing: a trailer comes after all
// other layers are done.
func (l Trailer) Append(b []byte, p Place) ([]byte, error) {
	if next := p.Next(); next != nil {
		return b, p.Errorf("", "%s cannot follow: a trailer is last", layerName(next))
	}
	return b, nil
}

// Number implements [Layer]. A trailer has the numbers of an empty [Payload].
func (l Trailer) Number(s Space) (uint16, bool) { return Payload(nil).Number(s) }
