//go:build !(embedded && linux && amd64)

package clickhouse

import (
	"fmt"
	"io"
	"syscall"
)

func checkPlatform() error { return ErrNoEngine }

func ownGroup() *syscall.SysProcAttr { return nil }

func lockFile(string) (io.Closer, error) { return nil, ErrNoEngine }

func engineEnv() []string { return nil }

func runEngine(_, _ string, _ io.Reader, stderr io.Writer) int {
	fmt.Fprintln(stderr, ErrNoEngine)
	return 1
}
