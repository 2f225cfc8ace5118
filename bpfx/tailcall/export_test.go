package tailcall

// LoadUnchecked is Load without Check: tests show with it what the kernel does
// with chains that Check refuses.
func LoadUnchecked(s *Spec) (*Chain, error) { return newModel(s).load() }
