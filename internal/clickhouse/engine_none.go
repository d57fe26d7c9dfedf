//go:build !(embedded && linux && amd64)

package clickhouse

import (
	"fmt"
	"io"
	"syscall"
)

func checkPlatform() error { return ErrNoEngine }

func processAttrs(bool) []processAttr { return []processAttr{{sys: &syscall.SysProcAttr{}}} }

func confinable() bool { return false }

func lockFile(string) (io.Closer, error) { return nil, ErrNoEngine }

func engineEnv() []string { return nil }

func confineEngine(_, _ string, _ bool, _ string, stderr io.Writer) int {
	fmt.Fprintln(stderr, ErrNoEngine)
	return 1
}

func runEngine(_, _, _, _ string, _ io.Reader, stderr io.Writer) int {
	fmt.Fprintln(stderr, ErrNoEngine)
	return 1
}
