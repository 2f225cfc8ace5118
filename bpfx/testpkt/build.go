package testpkt

import (
	"errors"
	"fmt"
)

var (
	// ErrNoLayers is returned when there are no layers to build.
	ErrNoLayers = errors.New("no layers")

	// ErrNilLayer is returned when a layer is nil or a nil pointer.
	ErrNilLayer = errors.New("nil layer")

	// ErrTooManyLayers is returned when a packet has more than 1024 layers.
	ErrTooManyLayers = errors.New("too many layers")
)

// maxLayers bounds the recursion through [Place.AppendNext].
const maxLayers = 1024

// headroom is about what the headers of a packet take, in bytes.
const headroom = 128

// Build returns the packet that layers describe, outermost first.
//
// Returns a [*LayerError] if a layer cannot be built; it wraps [ErrNilLayer] if
// that is because it is nil. Returns an error wrapping [ErrNoLayers] or
// [ErrTooManyLayers] if there are none or more than 1024.
func Build(layers ...Layer) ([]byte, error) {
	size := headroom
	for _, l := range layers {
		switch data := l.(type) {
		case Payload:
			size += len(data)
		case Trailer:
			size += len(data)
		}
	}
	b, err := AppendTo(make([]byte, 0, size), layers...)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// MustBuild is like [Build] and panics if it fails. It is for tests and for
// packets that are known to be right.
func MustBuild(layers ...Layer) []byte {
	b, err := Build(layers...)
	if err != nil {
		panic("testpkt: build packet: " + err.Error())
	}
	return b
}

// AppendTo appends the packet that layers describe to buf and returns the
// extended slice. The layers must not share memory with the spare capacity of
// buf.
//
// It allocates nothing if the capacity of buf is enough and the []Layer is
// reused; see the package comment. If it fails, it returns buf unchanged with
// the error of [Build]; bytes beyond its length may have been written.
func AppendTo(buf []byte, layers ...Layer) ([]byte, error) {
	if len(layers) == 0 {
		return buf, ErrNoLayers
	}
	if len(layers) > maxLayers {
		return buf, fmt.Errorf("%d layers, at most %d: %w", len(layers), maxLayers, ErrTooManyLayers)
	}
	if b := appendCommon(buf, layers); b != nil {
		return b, nil
	}
	return appendLayers(buf, layers)
}

// appendLayers is AppendTo for any layers.
func appendLayers(buf []byte, layers []Layer) ([]byte, error) {
	for i := range layers {
		if isNil(layers[i]) {
			return buf, &LayerError{Index: i, Layer: layerName(layers[i]), Err: ErrNilLayer}
		}
	}
	b, err := layers[0].Append(buf, Place{layers: layers})
	if err != nil {
		return buf, err
	}
	switch t := layers[len(layers)-1].(type) {
	case Trailer:
		b = append(b, t...)
	case *Trailer:
		b = append(b, *t...)
	}
	return b, nil
}
