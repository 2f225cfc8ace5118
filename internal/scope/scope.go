package scope

import (
	"errors"
	"io"
)

// ErrNilFunc is returned when there is no function to run in the scope.
var ErrNilFunc = errors.New("nil function: there is nothing to run in the scope")

// With opens a value, calls fn with it and closes it.
//
// If open fails, its error is returned and fn is not called. The value is
// closed by a deferred call, so also when fn panics or calls runtime.Goexit;
// panics are not recovered. fn's error comes back unchanged if closing works;
// an error of Close is joined to it.
func With[T io.Closer](open func() (T, error), fn func(T) error) (err error) {
	if fn == nil {
		return ErrNilFunc
	}
	v, err := open()
	if err != nil {
		return err
	}
	defer func() { err = Join(err, v.Close()) }()
	return fn(v)
}

// Join joins the errors that are not nil. Unlike [errors.Join] it returns a
// lone error unchanged, so that == and type switches still see it.
func Join(errs ...error) error {
	var first error
	n := 0
	for _, err := range errs {
		if err != nil {
			if n++; n == 1 {
				first = err
			}
		}
	}
	if n > 1 {
		return errors.Join(errs...)
	}
	return first
}
