package clickhouse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
)

// Answer is the output of a statement, as a stream. The caller closes it.
//
// A statement can fail after the server has sent a part of the output. The server then writes its
// error behind the output and closes the connection. Read returns the output without the error, and
// then the error as a *QueryError.
type Answer struct {
	// Format is the format of the output. The statement may have chosen it. It is empty if the
	// server does not report it.
	Format string
	// ContentType is the media type of the format.
	ContentType string

	body io.ReadCloser
	tag  string // delimits an error; empty if the server is too old
	held []byte // octets that may belong to an error
	err  error  // error of the body
}

// newAnswer returns the Answer of a response.
func newAnswer(resp *http.Response) *Answer {
	h := resp.Header
	return &Answer{
		Format: h.Get("X-ClickHouse-Format"), ContentType: h.Get("Content-Type"),
		body: resp.Body, tag: h.Get("X-ClickHouse-Exception-Tag"),
	}
}

// maxTail caps the octets of an error behind the output: the message, which the server cuts at 16
// KiB, and the marks.
const maxTail = 20 << 10

// Read returns output. It withholds the last maxTail octets until the body has ended.
func (a *Answer) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for a.err == nil && len(a.held) <= maxTail {
		n, err := a.fill(len(b))
		if a.held = a.held[:len(a.held)+n]; err != nil {
			a.err = err
			a.takeError()
		}
	}
	ready := len(a.held)
	if a.err == nil {
		ready -= maxTail
	}
	if ready == 0 {
		return 0, a.err
	}
	n := copy(b, a.held[:ready])
	a.held = a.held[:copy(a.held, a.held[n:])]
	return n, nil
}

// fill reads about n octets behind the held ones.
func (a *Answer) fill(n int) (int, error) {
	if want := len(a.held) + max(n, 4<<10); cap(a.held) < want {
		a.held = append(make([]byte, 0, want+maxTail), a.held...)
	}
	return a.body.Read(a.held[len(a.held):cap(a.held)])
}

// errorCode matches the code in the server's message.
var errorCode = regexp.MustCompile(`^Code: ([0-9]+)\.`)

// takeError removes the server's error from the held octets and sets it as the error of the body.
func (a *Answer) takeError() {
	if a.tag == "" || errors.Is(a.err, io.EOF) {
		return
	}
	mark := []byte("\r\n__exception__\r\n" + a.tag + "\r\n")
	i := bytes.LastIndex(a.held, mark)
	if i < 0 {
		return
	}
	message, _, _ := bytes.Cut(a.held[i+len(mark):], []byte(" "+a.tag+"\r\n"))
	if end := bytes.LastIndexByte(message, '\n'); end >= 0 { // the last line is a length
		message = message[:end]
	}
	e := &QueryError{Message: string(bytes.TrimSpace(message))}
	if m := errorCode.FindStringSubmatch(e.Message); m != nil {
		e.Code, _ = strconv.Atoi(m[1]) // digits
	}
	a.held, a.err = a.held[:i], e
}

// Close ends the answer. The caller need not have read all of it.
func (a *Answer) Close() error {
	if err := a.body.Close(); err != nil {
		return fmt.Errorf("asking ClickHouse: %w", err)
	}
	return nil
}
