// Package systemd holds the unit of `darkmap up` on one machine. Its test checks the unit with
// systemd-analyze. Nothing of it is linked into the program.
package systemd
