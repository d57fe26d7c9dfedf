package clickhouse

import (
	"errors"
	"os"
	"strings"
	"syscall"
)

// machine names this running system and the set of its processes that this one is in; empty where that cannot be read.
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

// processExists reports whether a process has the number.
func processExists(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
