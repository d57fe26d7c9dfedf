package serve

import (
	"bytes"
	"container/list"
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// The bounds of the kept answers.
const (
	// keptOctets bounds the bodies of all kept answers, and keptLargest a single one. A larger
	// answer is made for each request.
	keptOctets  = 64 << 20
	keptLargest = 4 << 20
	// leastZipped is the least length of an answer that is compressed.
	leastZipped = 1024
)

// keptHeaders lists the headers that are kept with an answer. The others come from the request or
// the server.
var keptHeaders = []string{"Content-Type", "Content-Disposition", "Link"}

// keeper keeps whole answers by their ETags. It evicts the least recently used ones first. An
// answer is made and compressed once, however many clients ask for it at the same time. A keeper is
// safe for concurrent use.
type keeper struct {
	mu      sync.Mutex
	order   *list.List               // of *keptAnswer, the most recently used first
	byTag   map[string]*list.Element // by ETag
	flights map[string]chan struct{} // by ETag; closed when the answer was made
	octets  int
}

// keptAnswer is an answer with status 200.
type keptAnswer struct {
	tag    string
	header http.Header
	body   []byte
	zipped func() []byte // returns the compressed body; compresses it once
}

func newKeeper() *keeper {
	return &keeper{order: list.New(), byTag: map[string]*list.Element{}, flights: map[string]chan struct{}{}}
}

// wrap lets Fresh answer the requests of a handler with kept answers. It keeps the handler's
// answers that have an ETag from Fresh.
func (k *keeper) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			h.ServeHTTP(w, r)
			return
		}
		rec := &recorder{ResponseWriter: w, keeper: k}
		defer rec.end() // also after a panic
		h.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), recorderKey{}, rec)))
		rec.whole = true
	})
}

// get returns the kept answer with a tag. If another request is making the answer, get waits for
// it. If get returns nil and ctx goes on, the caller must make the answer and then call made.
func (k *keeper) get(ctx context.Context, tag string) *keptAnswer {
	for {
		k.mu.Lock()
		if e, ok := k.byTag[tag]; ok {
			k.order.MoveToFront(e)
			k.mu.Unlock()
			return e.Value.(*keptAnswer)
		}
		flight, ok := k.flights[tag]
		if !ok {
			k.flights[tag] = make(chan struct{})
		}
		k.mu.Unlock()
		if !ok {
			return nil
		}
		select {
		case <-flight:
		case <-ctx.Done():
			return nil
		}
	}
}

// made ends the making of the answer with a tag. answer is nil if it must not be kept.
func (k *keeper) made(tag string, answer *keptAnswer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.flights[tag])
	delete(k.flights, tag)
	if answer == nil || k.byTag[tag] != nil {
		return
	}
	k.byTag[tag] = k.order.PushFront(answer)
	for k.octets += len(answer.body); k.octets > keptOctets; {
		last := k.order.Remove(k.order.Back()).(*keptAnswer)
		delete(k.byTag, last.tag)
		k.octets -= len(last.body)
	}
}

type recorderKey struct{}

// recorder writes an answer and records it.
type recorder struct {
	http.ResponseWriter
	keeper *keeper
	tag    string // of the answer that this request makes; empty if the answer must not be kept
	header http.Header
	body   []byte
	begun  bool
	whole  bool // the handler has returned
}

// answer writes the kept answer of a tag, and reports whether the keeper has one. If it has none,
// the recorder records the handler's answer.
func (c *recorder) answer(w http.ResponseWriter, r *http.Request, tag string) bool {
	if c.tag != "" { // a handler asks once
		return false
	}
	kept := c.keeper.get(r.Context(), tag)
	if kept == nil {
		if r.Context().Err() == nil {
			c.tag = tag
		}
		return false
	}
	h := w.Header()
	maps.Copy(h, kept.header)
	body := kept.body
	if len(body) >= leastZipped && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		body = kept.zipped()
		h.Set("Content-Encoding", "gzip")
		h.Set("ETag", `"`+tag+gzipSuffix+`"`)
	}
	_, _ = w.Write(body) // the client may be gone
	return true
}

// WriteHeader records the headers of an answer that may be kept.
func (c *recorder) WriteHeader(status int) {
	if !c.begun && status >= 200 {
		c.begun = true
		h := c.Header()
		if status == http.StatusOK && c.tag != "" && h.Get("ETag") != "" &&
			!strings.Contains(h.Get("Cache-Control"), "no-store") {
			c.header = http.Header{}
			for _, name := range keptHeaders {
				if v := h.Values(name); len(v) > 0 {
					c.header[name] = v
				}
			}
		}
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write records the body of an answer that may be kept.
func (c *recorder) Write(b []byte) (int, error) {
	if !c.begun {
		c.WriteHeader(http.StatusOK)
	}
	if c.header != nil {
		if c.body = append(c.body, b...); len(c.body) > keptLargest {
			c.header, c.body = nil, nil
		}
	}
	return c.ResponseWriter.Write(b)
}

// Unwrap returns the wrapped writer for http.ResponseController.
func (c *recorder) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// end passes the answer to the keeper, and releases the requests that wait for it.
func (c *recorder) end() {
	if c.tag == "" {
		return
	}
	if c.header == nil || !c.whole {
		c.keeper.made(c.tag, nil)
		return
	}
	body := c.body
	c.keeper.made(c.tag, &keptAnswer{
		tag: c.tag, header: c.header, body: body,
		zipped: sync.OnceValue(func() []byte {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write(body) // a buffer takes all
			_ = z.Close()
			return b.Bytes()
		}),
	})
}
