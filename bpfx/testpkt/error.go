package testpkt

import (
	"fmt"
	"strings"
)

// A LayerError says which layer of a packet cannot be built, and why.
type LayerError struct {
	Index int    // of the layer in the packet, from 0
	Layer string // its type, such as "IPv4"
	Field string // its field at fault, such as "TotalLength"; may be empty
	Err   error  // what is wrong
}

// Error returns one line with layer, field and cause.
func (e *LayerError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("layer %d (%s): %v", e.Index, e.Layer, e.Err)
	}
	return fmt.Sprintf("layer %d (%s): %s: %v", e.Index, e.Layer, e.Field, e.Err)
}

// Unwrap returns the cause.
func (e *LayerError) Unwrap() error { return e.Err }

// layerName returns the name of a layer's type, without this package's name.
func layerName(l Layer) string {
	return strings.TrimPrefix(strings.TrimPrefix(fmt.Sprintf("%T", l), "*"), "testpkt.")
}
