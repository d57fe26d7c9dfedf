package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/darkmap/darkmap/internal/ptytest"
)

// onTerminal starts sql on a terminal of 80 columns, with folders of the test's own.
func onTerminal(t *testing.T, state, kind string, args ...string) *ptytest.Terminal {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{"sql"}, args...)...)
	cmd.Env = append(os.Environ(), asDarkmap+"=1", "XDG_STATE_HOME="+state, "HOME="+state, "INPUTRC=", "TERM="+kind, "LANG=C.UTF-8", "LC_ALL=")
	return ptytest.Start(t, cmd, 80, 24)
}

// TestSQLOnATerminal types statements. The store belongs to another session.
func TestSQLOnATerminal(t *testing.T) {
	t.Parallel()
	dir, state := migrated(t), t.TempDir()
	owner, _ := host(t, dir, io.Discard)
	p := onTerminal(t, state, "xterm", "--data-dir", dir)
	const prompt = "reader@darkmap> "
	p.Await(prompt)
	for _, step := range []struct{ typed, wait string }{
		{"SELECT 17 AS a,\r'日é' || 'x\u0301' AS b, [64496, 64497] AS c, NULL AS d;\r", "\r\n17  日éx\u0301  [64496, 64497]  NULL\r\n"},
		{"SELECT $$it's; \"so\"$$ AS h;\r", "\r\nit's; \"so\"\r\n"},
		{"SELECT '2' || char(0x1b) || '[31m' || char(0xe2, 0x80, 0xae) AS x;\r", "\r\n2\\x1b[31m\\u202e\r\n"},
		{"SELECT '3' || char(0x1b) || '[31m' FORMAT TSVRaw;\r", "3\\x1b[31m\r\n"},
		{"SELECT 4 AS four\\G\r", "\r\nfour  4\r\n"},
		{"SELECT 5 FORMAT Parquet;\r", "--output FILE"},
		{"SELEC 6;\r", "(SYNTAX_ERROR)"},
		{"SET max_threads = 1;\r", " s\r\n"},
		{"SELECT getSetting('max_threads') + 70;\r", " 71\r\n"},
		{"SELECT count() FROM outage_e\t", "outage_events"},
		{";\r", " 0\r\n"},
		{"\\d\r", "outages"},
		{"\\d FEEDS\r", "collector"},
		{"\\nothing\r", "is no command"},
		{"\\x on\r", "lines"},
		{"SELECT 8 AS eight;\r", "\r\neight  8\r\n"},
		{"\\x auto\r", "wider"},
		{"SELECT repeat('long ', 30) AS words, 9 AS nine;\r", "\r\nnine   9\r\n"},
		{"SELECT * FROM numbers(2000);\r", "the first 1000 rows are shown"},
		{"SELECT 'my password', 10;\r", "10\r\n"},
	} {
		p.Type(step.typed)
		if got := p.Await(step.wait); strings.Contains(got, "2\x1b[31m") || strings.Contains(got, "3\x1b[31m") || strings.Contains(got, "\u202e") {
			t.Errorf("%q: a value's control characters came to the terminal: %q", step.typed, got)
		}
		if strings.HasSuffix(step.typed, "\r") {
			p.Await(prompt)
		}
	}
	p.Type("SELECT sleepEachRow(0.5) FROM numbers(1000) SETTINGS max_block_size = 1;\r")
	p.Await("; Ctrl-C cancels")
	p.Type("\x03")
	p.Await("cancelled")
	p.Await(prompt)
	p.Type("SELECT 'not ended")
	p.Await("ended")
	p.Type("\x03")
	p.Await("^C")
	p.Await(prompt)
	p.Type("SELECT 12;\r")
	p.Await("\r\n12\r\n")
	p.Await(prompt)
	// The engine ends while the prompt waits. The settings of SET are lost with it, and that is
	// reported before a statement runs without them.
	if err := syscall.Kill(owner.own.engine.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.Type("SELECT 15;\r")
	p.Await("is lost: the store was started again")
	p.Await(prompt)
	p.Type("SELECT 12;\r")
	p.Await("\r\n12\r\n")
	p.Await(prompt)
	p.Type("\x04") // Ctrl-D
	p.AwaitEnd()
	file := filepath.Join(state, "darkmap-sql-history")
	if info, err := os.Stat(file); err != nil {
		t.Fatal(err)
	} else if info.Mode() != 0o600 {
		t.Errorf("the history has mode %v", info.Mode())
	}
	kept, err := os.ReadFile(file)
	if text := string(kept); err != nil || !strings.Contains(text, `"SELECT 12;"`) || strings.Contains(text, "password") {
		t.Errorf("the history is %v\n%s\nwant the last statement, and none with a password", err, text)
	}

	p = onTerminal(t, state, "xterm", "--data-dir", dir)
	p.Await(prompt)
	p.Type("\x1b[A") // up
	p.Await("SELECT 12;")
	p.Type("\r")
	p.Await("\r\n12\r\n")
	p.Await(prompt)
	p.Type("\x03")
	p.Await("Ctrl-C again")
	p.Await(prompt)
	p.Type("\x03")
	p.AwaitEnd()

	p = onTerminal(t, state, "dumb", "--data-dir", dir)
	p.Await(prompt)
	p.Type("SELECT 13\n")
	p.Await("-> ")
	p.Type("AS a;\n")
	p.Await("13\r\n")
	p.Await(prompt)
	p.Type("exit\n")
	if text := p.AwaitEnd(); strings.Contains(text, "\x1b") {
		t.Errorf("a dumb terminal got %q", text)
	}

	if text := onTerminal(t, state, "xterm", "--data-dir", dir, "SELECT 14 AS a, '"+strings.Repeat("x", 100)+"' AS b").AwaitEnd(); !strings.Contains(text, "a  14\r\n") {
		t.Errorf("one statement: got %q", text)
	}
}
