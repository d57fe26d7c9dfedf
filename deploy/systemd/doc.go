// Package systemd holds the unit of `darkmap up` on one machine. Its test asks systemd-analyze
// about it. Nothing of it is linked into the program.
package systemd
