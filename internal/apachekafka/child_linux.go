package apachekafka

import "syscall"

// childAttributes returns attributes that keep a broker out of the terminal's process group, so
// that Ctrl-C reaches it once and through its owner, and that end it if its owner is killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
