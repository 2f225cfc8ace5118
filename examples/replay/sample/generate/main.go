// Generate writes sample.pcap.
package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/bpfx/go/examples/replay/sample"
)

func main() {
	var buf bytes.Buffer
	err := sample.Write(&buf)
	if err == nil {
		err = os.WriteFile("sample.pcap", buf.Bytes(), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}
