package serve_test

import (
	"bufio"
	"encoding/json"
	"io"
	"syscall"
	"testing"

	"github.com/darkmap/darkmap/internal/datatest"
)

// browser is a Chromium that a test drives through serve/page/browser/driver.mjs. One goroutine
// uses it.
type browser struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

// command is a command of the driver.
type command struct {
	Do      string         `json:"do"`
	Context string         `json:"context,omitempty"`
	Page    string         `json:"page,omitempty"`
	Pages   []string       `json:"pages,omitempty"`
	URL     string         `json:"url,omitempty"`
	Options map[string]any `json:"options,omitempty"`
	Init    string         `json:"init,omitempty"` // runs in each page before its own scripts
	Code    string         `json:"code,omitempty"`
	MS      int            `json:"ms,omitempty"`
}

// startBrowser starts a browser that ends with the test.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	cmd := datatest.Playwright(t, "driver.mjs")
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()                                      // the driver then closes the browser
		_ = cmd.Wait()                                      // it may have been killed with the test's context
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // the rest of its group
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	return &browser{t, in, lines}
}

// do runs a command and reads its value.
func (b *browser) do(c command, value any) {
	b.t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(text, '\n')); err != nil {
		b.t.Fatal(err)
	}
	if !b.out.Scan() {
		b.t.Fatalf("the browser is gone: %v", b.out.Err())
	}
	var result struct {
		Value json.RawMessage `json:"value"`
		Error string          `json:"error"`
	}
	if err := json.Unmarshal(b.out.Bytes(), &result); err != nil {
		b.t.Fatal(err)
	}
	if result.Error != "" {
		b.t.Fatalf("%s %s: %s", c.Do, c.Page, result.Error)
	}
	if value == nil {
		return
	}
	if err := json.Unmarshal(result.Value, value); err != nil {
		b.t.Fatal(err)
	}
}

// open opens a page in a context of its own, and fails the test if the page does not load.
func (b *browser) open(page, url string) {
	b.t.Helper()
	b.do(command{Do: "open", Context: page, Pages: []string{page}, URL: url}, nil)
}

// eval reads the value of an expression in a page.
func (b *browser) eval(page, code string, value any) {
	b.t.Helper()
	b.do(command{Do: "eval", Page: page, Code: code}, value)
}

// wait waits until an expression of a page is true.
func (b *browser) wait(page, code string) {
	b.t.Helper()
	b.do(command{Do: "wait", Page: page, Code: code, MS: 60_000}, nil)
}
