package datatest

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Chromium returns the path of the browser. Without one the test is skipped, or fails if
// TEST_INTEGRATION=1.
func Chromium(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		Missing(t, "there is no browser: install chromium")
	}
	return path
}

// Playwright returns a command that runs a program of serve/page/browser with Node. The variable
// CHROMIUM gives it the browser's path. It is its own process group, which the end of the test
// kills. If something is missing, the test is skipped, or fails if TEST_INTEGRATION=1.
func Playwright(t testing.TB, program string, args ...string) *exec.Cmd {
	t.Helper()
	chromium := Chromium(t)
	node, err := exec.LookPath("node")
	if err != nil {
		Missing(t, "there is no Node: install nodejs and npm")
	}
	folder := filepath.Join(Root(t), "serve", "page", "browser")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "playwright-core")); err != nil {
		Missing(t, "playwright-core and axe-core are not installed: make deps, or npm ci in serve/page/browser")
	}
	args = append([]string{filepath.Join(folder, program)}, args...)
	cmd := exec.CommandContext(t.Context(), node, args...) //nolint:gosec // the repository's own programs
	cmd.Env = append(os.Environ(), "CHROMIUM="+chromium)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}
