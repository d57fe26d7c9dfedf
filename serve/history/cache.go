package history

import (
	"container/list"
	"sync"
	"time"
)

// The bounds of the kept answers.
const (
	maxAnswers = 512
	maxOctets  = 64 << 20
)

// noneFor is how long ErrNotFound is kept. An outage is on the page of the present before the store
// has it, so the next question may find it.
const noneFor = 2 * time.Second

// cache keeps answers by question. It evicts the least recently used answer first.
type cache struct {
	mu     sync.Mutex
	order  *list.List // of *kept, the most recently used first
	byKey  map[string]*list.Element
	octets int
}

type kept struct {
	key    string
	answer any
	octets int
	until  time.Time // zero: as long as there is room
}

func newCache() *cache { return &cache{order: list.New(), byKey: map[string]*list.Element{}} }

func (c *cache) get(key string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return nil, false
	}
	if k := e.Value.(*kept); !k.until.IsZero() && !time.Now().Before(k.until) {
		c.remove(e)
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*kept).answer, true
}

// put keeps an answer. octets is the number of octets read for it. Answers above a quarter of
// maxOctets are not kept. ErrNotFound is kept for noneFor.
func (c *cache) put(key string, answer any, octets int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if octets > maxOctets/4 || c.byKey[key] != nil {
		return
	}
	k := &kept{key: key, answer: answer, octets: octets}
	if answer == any(ErrNotFound) {
		k.until = time.Now().Add(noneFor)
	}
	c.byKey[key] = c.order.PushFront(k)
	for c.octets += octets; len(c.byKey) > maxAnswers || c.octets > maxOctets; {
		c.remove(c.order.Back())
	}
}

func (c *cache) remove(e *list.Element) {
	k := c.order.Remove(e).(*kept)
	delete(c.byKey, k.key)
	c.octets -= k.octets
}
