// Package links goes through the links that the kernel has, whoever made them.
package links
