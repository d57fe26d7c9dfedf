package sqlshell

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

const (
	// maxHistory bounds the number of kept statements.
	maxHistory = 1000
	// maxHistoryStatement bounds the length of a kept statement, in octets.
	maxHistoryStatement = 64 << 10
	// maxHistoryFile bounds the part of the file that is read, in octets.
	maxHistoryFile = 8 << 20
)

// secret matches statements that may hold a password or a key.
var secret = regexp.MustCompile(`(?i)\b(identified|password|passwd|secret|token|access_key|credentials?|` +
	`api_?key|bearer)\b|://[^/\s']*:[^/\s']*@|` +
	`\b(s3|url|mysql|postgresql|mongodb|remote|remoteSecure|azureBlobStorage|gcs)\s*\(`)

// keeps reports whether a statement goes into the history file. One that begins with a blank does
// not, as in a shell.
func keeps(statement string) bool {
	return strings.TrimSpace(statement) != "" && statement[0] != ' ' &&
		len(statement) <= maxHistoryStatement && !secret.MatchString(statement)
}

// History holds the statements of earlier sessions and of this one, the oldest first. With a path
// it keeps them in a file of mode 0600, one JSON string a line, which several sessions may use at
// once. It implements the history of the line editor. It is not safe for concurrent use.
type History struct {
	path  string
	lines []string
	// failed is called with the first error of the file.
	failed func(error)
}

// OpenHistory reads a history; an empty path gives one in memory. It calls failed once, with the
// first error of the file; the session goes on without the file.
func OpenHistory(path string, failed func(error)) *History {
	h := &History{path: path, failed: failed}
	if path != "" {
		h.tell(h.load())
	}
	return h
}

// tell passes an error of the file to failed, and stops the use of the file.
func (h *History) tell(err error) {
	if err != nil {
		h.path = ""
		h.failed(fmt.Errorf("statements are not kept for the next time: %w", err))
	}
}

// open opens the file and locks it.
func (h *History) open() (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(h.path, os.O_CREATE|os.O_RDWR|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", h.path)
	}
	if err == nil && info.Mode().Perm() != 0o600 {
		err = f.Chmod(0o600)
	}
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX) // released with the file
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// load reads the newest statements, and shortens a file that is too long.
func (h *History) load() (err error) {
	f, err := h.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if over := info.Size() - maxHistoryFile; over > 0 {
		if _, err := f.Seek(over, io.SeekStart); err != nil {
			return err
		}
	}
	count := 0
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 2*maxHistoryStatement)
	for lines.Scan() {
		count++
		var statement string
		if json.Unmarshal(lines.Bytes(), &statement) == nil { // the first line read may be cut
			h.add(statement)
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return err
	}
	if count < 2*maxHistory && info.Size() <= maxHistoryFile && lines.Err() == nil {
		return nil
	}
	var all bytes.Buffer
	for _, statement := range h.lines {
		all.Write(historyLine(statement))
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.Write(all.Bytes())
	return err
}

// historyLine returns a statement as a line of the file.
func historyLine(statement string) []byte {
	b, err := json.Marshal(statement)
	if err != nil {
		return nil // unreachable: a string always encodes
	}
	return append(b, '\n')
}

// add adds a statement in memory.
func (h *History) add(statement string) {
	if n := len(h.lines); n > 0 && h.lines[n-1] == statement {
		return
	}
	if h.lines = append(h.lines, statement); len(h.lines) > maxHistory {
		h.lines = append([]string(nil), h.lines[len(h.lines)-maxHistory:]...)
	}
}

// Write adds a statement. Within the session a statement that the file does not keep can be
// recalled too.
func (h *History) Write(statement string) (int, error) {
	if strings.TrimSpace(statement) == "" {
		return len(h.lines), nil
	}
	h.add(statement)
	if h.path != "" && keeps(statement) {
		h.tell(h.store(statement))
	}
	return len(h.lines), nil
}

func (h *History) store(statement string) error {
	f, err := h.open()
	if err != nil {
		return err
	}
	_, err = f.Write(historyLine(statement))
	return errors.Join(err, f.Close())
}

// GetLine returns a statement by its number; 0 is the oldest.
func (h *History) GetLine(n int) (string, error) {
	if n < 0 || n >= len(h.lines) {
		return "", errors.New("there is no such line")
	}
	return h.lines[n], nil
}

// Len returns the number of statements.
func (h *History) Len() int { return len(h.lines) }

// Dump returns the statements.
func (h *History) Dump() any { return h.lines }
