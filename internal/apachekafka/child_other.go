//go:build !linux

package apachekafka

import "syscall"

// childAttributes returns attributes that keep a broker out of the terminal's process group, so
// that Ctrl-C reaches it once and through its owner.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
