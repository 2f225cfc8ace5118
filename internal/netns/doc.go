// Package netns gives a goroutine a network namespace of its own, for tests
// and examples that attach programs and send packets without touching the
// machine's own interfaces.
package netns
