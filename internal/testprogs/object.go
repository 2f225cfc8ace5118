package testprogs

// Object returns the object file that the programs come from.
func Object() []byte { return _TestprogsBytes }
