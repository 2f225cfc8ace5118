//go:build !linux

package main

import (
	"context"
	"errors"
	"io"
)

var errNeedsLinux = errors.New("vmtest needs Linux: it boots VMs with virtme-ng")

func guestMain([]string) error { return errNeedsLinux }

func setupMain(context.Context, *options, io.Writer) error { return errNeedsLinux }

func runMain(context.Context, *options, io.Writer, io.Writer) error { return errNeedsLinux }
