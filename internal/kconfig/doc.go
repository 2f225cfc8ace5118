// Package kconfig reads the configuration that a kernel was built with.
package kconfig
