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

// The bounds of the answers that are kept.
const (
	// keptOctets bounds all of them, keptLargest one; larger ones are made anew each time.
	keptOctets  = 64 << 20
	keptLargest = 4 << 20
	// leastZipped is from which length on an answer is compressed.
	leastZipped = 1024
)

// keptHeaders are the headers of an answer that are kept with it. The others are those of the request, or of the server.
var keptHeaders = []string{"Content-Type", "Content-Disposition", "Link"}

// keeper keeps whole answers by their ETags, the most recently asked ones. An answer is made once, however many clients ask for it at the same time, and
// compressed once. It is safe for concurrent use.
type keeper struct {
	mu      sync.Mutex
	order   *list.List               // of *keptAnswer, the most recently used first
	byTag   map[string]*list.Element // by ETag
	flights map[string]chan struct{} // closed when the answer with the tag was made
	octets  int
}

// keptAnswer is an answer with status 200.
type keptAnswer struct {
	tag    string
	header http.Header
	body   []byte
	zipped func() []byte // the body compressed, made once
}

func newKeeper() *keeper {
	return &keeper{order: list.New(), byTag: map[string]*list.Element{}, flights: map[string]chan struct{}{}}
}

// wrap lets Fresh answer the requests of a handler with kept answers, and keeps what the handler answers with the ETag that Fresh has set.
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

// get is the answer with a tag. Where none is kept and another request makes it, get waits for that; where none does, the caller has to, and to call made.
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

// made ends the making of the answer with a tag; answer is nil where it may not be kept.
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

// recorder writes an answer, and remembers it.
type recorder struct {
	http.ResponseWriter
	keeper *keeper
	tag    string // of the answer that this request makes; empty where it makes none that may be kept
	header http.Header
	body   []byte
	begun  bool
	whole  bool // the handler has come to its end
}

// answer answers with the kept answer of a tag, and reports whether there is one. Where there is none, what the handler writes is remembered.
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

// WriteHeader remembers the headers of an answer that may be kept.
func (c *recorder) WriteHeader(status int) {
	if !c.begun && status >= 200 {
		c.begun = true
		h := c.Header()
		if status == http.StatusOK && c.tag != "" && h.Get("ETag") != "" && !strings.Contains(h.Get("Cache-Control"), "no-store") {
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

// Write remembers the body of an answer that may be kept.
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

// Unwrap is for http.ResponseController.
func (c *recorder) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// end gives the answer to the keeper, and lets those go on who wait for it.
func (c *recorder) end() {
	if c.tag == "" {
		return
	}
	if c.header == nil || !c.whole {
		c.keeper.made(c.tag, nil)
		return
	}
	body := c.body
	c.keeper.made(c.tag, &keptAnswer{tag: c.tag, header: c.header, body: body, zipped: sync.OnceValue(func() []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(body) // a buffer takes all
		_ = z.Close()
		return b.Bytes()
	})})
}
