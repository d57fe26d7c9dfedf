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
	// maxHistory bounds the statements that are kept.
	maxHistory = 1000
	// maxHistoryStatement bounds a statement that is kept, octets.
	maxHistoryStatement = 64 << 10
	// maxHistoryFile bounds what is read of the file, octets.
	maxHistoryFile = 8 << 20
)

// secret finds statements that may hold a password or a key.
var secret = regexp.MustCompile(`(?i)\b(identified|password|passwd|secret|token|access_key|credentials?|api_?key|bearer)\b|://[^/\s']*:[^/\s']*@|\b(s3|url|mysql|postgresql|mongodb|remote|remoteSecure|azureBlobStorage|gcs)\s*\(`)

// keeps reports whether a statement goes into the history. One that begins with a blank does not, as in a shell.
func keeps(statement string) bool {
	return strings.TrimSpace(statement) != "" && statement[0] != ' ' && len(statement) <= maxHistoryStatement && !secret.MatchString(statement)
}

// History holds the statements of earlier and of this session, oldest first. With a path it is kept in a file, mode 0600, a JSON text a
// line, which several sessions may use at once. It is what the line editor asks for. It is not safe for concurrent use.
type History struct {
	path  string
	lines []string
	// failed is told of the first error of the file.
	failed func(error)
}

// OpenHistory reads a history; an empty path is one in memory. Errors of the file are told to failed, once, and end nothing.
func OpenHistory(path string, failed func(error)) *History {
	h := &History{path: path, failed: failed}
	if path != "" {
		h.tell(h.load())
	}
	return h
}

// tell tells of the first error. The file is then left alone.
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

// load reads the newest statements, and shortens a file that has become too long.
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
		if json.Unmarshal(lines.Bytes(), &statement) == nil { // a line may be cut
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

// historyLine is a statement as a line of the file.
func historyLine(statement string) []byte {
	b, err := json.Marshal(statement)
	if err != nil {
		return nil // never: a text
	}
	return append(b, '\n')
}

// add adds to memory.
func (h *History) add(statement string) {
	if n := len(h.lines); n > 0 && h.lines[n-1] == statement {
		return
	}
	if h.lines = append(h.lines, statement); len(h.lines) > maxHistory {
		h.lines = append([]string(nil), h.lines[len(h.lines)-maxHistory:]...)
	}
}

// Write adds a statement. Within the session it can be called back also where it is not kept in the file.
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

// GetLine returns a statement, 0 the oldest.
func (h *History) GetLine(n int) (string, error) {
	if n < 0 || n >= len(h.lines) {
		return "", errors.New("there is no such line")
	}
	return h.lines[n], nil
}

// Len is the number of statements.
func (h *History) Len() int { return len(h.lines) }

// Dump returns the statements.
func (h *History) Dump() any { return h.lines }
