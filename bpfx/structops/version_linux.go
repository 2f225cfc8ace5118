package structops

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// kernelVersion returns the running kernel's version, such as "6.12", and "" if
// it can't be made out.
func kernelVersion() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil {
		return ""
	}
	return fmt.Sprintf("%d.%d", major, minor)
}
