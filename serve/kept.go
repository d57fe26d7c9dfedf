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
	// keptOctets bounds the bodies of all kept answers, with their compressed copies, and keptLargest
	// a single body. A larger answer is made for each request.
	keptOctets  = 64 << 20
	keptLargest = 4 << 20
	// leastZipped is the least length of an answer that is compressed.
	leastZipped = 1024
)

// keptHeaders lists the headers that are kept with an answer. The others come from the request or
// the server.
var keptHeaders = []string{"Content-Type", "Content-Disposition", "Link", "Location", "Retry-After"}

// keeper keeps whole answers by their ETags. It evicts the least recently used ones first. An
// answer is made and compressed once, however many clients ask for it at the same time. This holds
// for incomplete answers and those of clients' errors too, which are not kept. A keeper is safe for
// concurrent use.
type keeper struct {
	mu      sync.Mutex
	order   *list.List               // of *keptAnswer, the most recently used first
	byTag   map[string]*list.Element // by ETag
	flights map[string]*flight       // by ETag
	octets  int
}

// flight is an answer in the making.
type flight struct {
	done chan struct{} // closed when the answer was made
	// answer is set before done is closed. It is nil if the waiting requests must make the answer
	// themselves.
	answer *keptAnswer
}

// keptAnswer is a whole answer.
type keptAnswer struct {
	tag    string
	status int
	header http.Header
	body   []byte
	zipped func() []byte // returns the compressed body; compresses it once
	keep   bool          // caches may keep it
}

func newKeeper() *keeper {
	return &keeper{order: list.New(), byTag: map[string]*list.Element{}, flights: map[string]*flight{}}
}

// wrap lets Fresh answer the requests of a handler with kept answers. It keeps the handler's
// answers that have an ETag from Fresh.
func (k *keeper) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			h.ServeHTTP(w, r)
			return
		}
		rec := &recorder{ResponseWriter: w, keeper: k, r: r}
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
		f, ok := k.flights[tag]
		if !ok {
			k.flights[tag] = &flight{done: make(chan struct{})}
		}
		k.mu.Unlock()
		if !ok {
			return nil
		}
		select {
		case <-f.done:
			if f.answer != nil {
				return f.answer
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// made ends the making of the answer with a tag, and gives it to the requests that wait for it. If
// answer is nil, one of them makes it again.
func (k *keeper) made(tag string, answer *keptAnswer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.flights[tag]
	f.answer = answer
	close(f.done)
	delete(k.flights, tag)
	if answer == nil || !answer.keep || k.byTag[tag] != nil {
		return
	}
	k.byTag[tag] = k.order.PushFront(answer)
	for k.octets += answer.octets(); k.octets > keptOctets; {
		last := k.order.Remove(k.order.Back()).(*keptAnswer)
		delete(k.byTag, last.tag)
		k.octets -= last.octets()
	}
}

// octets returns the most octets that the answer takes. Its compressed copy, which the first client
// that takes one makes, is hardly larger than the body.
func (a *keptAnswer) octets() int {
	if len(a.body) < leastZipped {
		return len(a.body)
	}
	return 2 * len(a.body)
}

// write sends the answer to the client of a request. The headers of w are those of the client's own
// request.
func (a *keptAnswer) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	maps.Copy(h, a.header)
	if !a.keep {
		h.Del("ETag")
		h.Set("Cache-Control", "no-store")
	}
	body := a.body
	if len(body) >= leastZipped && acceptsGzip(r) {
		body = a.zipped()
		h.Set("Content-Encoding", "gzip")
		if a.keep {
			h.Set("ETag", `"`+a.tag+gzipSuffix+`"`)
		}
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body) //nolint:gosec // a handler made this answer and escaped its texts
}

type recorderKey struct{}

// recorder holds an answer back until it is whole if it has an ETag from Fresh. It passes other
// answers on.
type recorder struct {
	http.ResponseWriter
	keeper *keeper
	r      *http.Request
	tag    string // of the answer that this request makes; empty if Fresh was not called
	status int    // 0 before WriteHeader
	body   []byte
	passed bool // the answer is too large: it was passed on and is not kept
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
	kept.write(w, r)
	return true
}

// WriteHeader records the status of an answer with a tag.
func (c *recorder) WriteHeader(status int) {
	if c.tag == "" || c.passed || status < 200 {
		c.ResponseWriter.WriteHeader(status)
	} else if c.status == 0 {
		c.status = status
	}
}

// Write records the body of an answer with a tag.
func (c *recorder) Write(b []byte) (int, error) {
	if c.tag == "" || c.passed {
		return c.ResponseWriter.Write(b)
	}
	c.WriteHeader(http.StatusOK)
	if len(c.body)+len(b) <= keptLargest {
		c.body = append(c.body, b...)
		return len(b), nil
	}
	c.passed = true
	c.ResponseWriter.WriteHeader(c.status)
	if _, err := c.ResponseWriter.Write(c.body); err != nil { //nolint:gosec // as in keptAnswer.write
		return 0, err
	}
	c.body = nil
	return c.ResponseWriter.Write(b)
}

// Unwrap returns the wrapped writer for http.ResponseController.
func (c *recorder) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// end sends the recorded answer to the client, and passes it to the keeper.
func (c *recorder) end() {
	switch {
	case c.tag == "":
	case !c.whole || c.passed:
		c.keeper.made(c.tag, nil)
	default:
		c.WriteHeader(http.StatusOK)
		a := c.recorded()
		shared := a
		// A request that was cut off, or found the store busy, fails alone: the next one tries again.
		if !a.keep && (a.status >= http.StatusInternalServerError || c.r.Context().Err() != nil) {
			shared = nil
		}
		c.keeper.made(c.tag, shared)
		a.write(c.ResponseWriter, c.r)
	}
}

// recorded returns the recorded answer.
func (c *recorder) recorded() *keptAnswer {
	h, body := c.Header(), c.body
	a := &keptAnswer{
		tag: c.tag, status: c.status, header: http.Header{}, body: body,
		keep: c.status == http.StatusOK && h.Get("ETag") != "" &&
			!strings.Contains(h.Get("Cache-Control"), "no-store"),
		zipped: sync.OnceValue(func() []byte {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write(body) // a buffer takes all
			_ = z.Close()
			return b.Bytes()
		}),
	}
	for _, name := range keptHeaders {
		if v := h.Values(name); len(v) > 0 {
			a.header[name] = v
		}
	}
	return a
}
