package serve

import (
	"container/list"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxClients bounds the clients in memory. The limiter forgets the client that asked least
	// recently and has no open request.
	maxClients = 20_000
	// retryAfter is the time in seconds after which a client over a limit may ask again.
	retryAfter = 1
)

// limiter limits the requests of clients. It is safe for concurrent use.
type limiter struct {
	cfg    LimitsConfig
	exempt []netip.Prefix
	now    func() time.Time

	mu      sync.Mutex
	clients map[netip.Prefix]*list.Element // of *client
	order   *list.List                     // the most recently seen first
}

type client struct {
	key               netip.Prefix
	rate              *rate.Limiter
	logins            *rate.Limiter // nil until the first login attempt
	requests, streams int
}

func newLimiter(cfg LimitsConfig, now func() time.Time) *limiter {
	return &limiter{
		cfg: cfg, exempt: networks(cfg.Exempt), now: now, clients: map[netip.Prefix]*list.Element{},
		order: list.New(),
	}
}

// allow reports whether a client may make one more request.
func (l *limiter) allow(key netip.Prefix) bool {
	if l.exempted(key) {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of(key).rate.AllowN(l.now(), 1)
}

// The limits on the keys that a client may try: a few at once, then one every few seconds.
const (
	triesBurst = 5
	triesEvery = 3 * time.Second
)

// tries reports whether a client may try a key. It limits exempt clients as well.
func (l *limiter) tries(key netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.of(key)
	if c.logins == nil {
		c.logins = rate.NewLimiter(rate.Every(triesEvery), triesBurst)
	}
	return c.logins.AllowN(l.now(), 1)
}

// enter counts an open request or stream of a client. The caller calls done at its end. ok is false
// if the client has reached its limit.
func (l *limiter) enter(key netip.Prefix, stream bool) (done func(), ok bool) {
	if l.exempted(key) {
		return func() {}, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.of(key)
	open, most := &c.requests, l.cfg.Requests
	if stream {
		open, most = &c.streams, l.cfg.Streams
	}
	if *open >= most {
		return nil, false
	}
	*open++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		*open--
	}, true
}

func (l *limiter) exempted(key netip.Prefix) bool {
	return key.IsValid() && slices.ContainsFunc(l.exempt, func(p netip.Prefix) bool {
		return p.Contains(key.Addr())
	})
}

// of returns the client with a key, and makes it if needed. The caller holds mu.
func (l *limiter) of(key netip.Prefix) *client {
	if e, ok := l.clients[key]; ok {
		l.order.MoveToFront(e)
		return e.Value.(*client)
	}
	if len(l.clients) >= maxClients {
		l.forget()
	}
	c := &client{key: key, rate: rate.NewLimiter(rate.Limit(l.cfg.RequestsPerSecond), l.cfg.Burst)}
	l.clients[key] = l.order.PushFront(c)
	return c
}

// forget drops the client that asked least recently and has nothing open. Such a client exists,
// since connections are fewer than clients. The caller holds mu.
func (l *limiter) forget() {
	for e := l.order.Back(); e != nil; e = e.Prev() {
		if c := e.Value.(*client); c.requests+c.streams == 0 {
			l.order.Remove(e)
			delete(l.clients, c.key)
			return
		}
	}
}
