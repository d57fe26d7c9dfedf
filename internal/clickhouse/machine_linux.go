package clickhouse

import (
	"errors"
	"os"
	"strings"
	"syscall"
)

// machine identifies this running system and the PID namespace of this process. It is empty if they
// cannot be read.
func machine() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	processes, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + processes
}

// processExists reports whether a process with the number exists.
func processExists(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
