module github.com/bpfx/go/bench

go 1.25.0
