package ptytest

import (
	"os/exec"
	"strings"
	"testing"
)

func TestTerminal(t *testing.T) {
	t.Parallel()
	p := Start(t, exec.CommandContext(t.Context(), "sh", "-c", `stty size; read -r line; echo "read $line"; test -t 0 && test -t 1 && echo a terminal; read -r line`), 91, 17)
	p.Await("17 91\r\n")
	p.Type("text\r")
	if got := p.Await("read text\r\n"); !strings.HasPrefix(got, "text\r\n") {
		t.Errorf("got %q, want what was typed before what was read", got)
	}
	p.Await("a terminal\r\n")
	p.Type("\x04") // the end of input
	if got := p.AwaitEnd(); strings.TrimSpace(got) != "" {
		t.Errorf("at the end: got %q", got)
	}
}
