// Package gpl knows the licences that the kernel takes for compatible with the
// GNU General Public License.
package gpl

import "slices"

// Licences are those licences, as include/linux/license.h has them.
var Licences = []string{"GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"}

// Compatible reports whether a program with this licence may call functions of
// the kernel that only such programs may.
func Compatible(licence string) bool { return slices.Contains(Licences, licence) }
