package history

import (
	"container/list"
	"sync"
)

// The bounds of the kept answers.
const (
	maxAnswers = 512
	maxOctets  = 64 << 20
)

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
}

func newCache() *cache { return &cache{order: list.New(), byKey: map[string]*list.Element{}} }

func (c *cache) get(key string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*kept).answer, true
}

// put keeps an answer. octets is the number of octets read for it. Answers above a quarter of
// maxOctets are not kept.
func (c *cache) put(key string, answer any, octets int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if octets > maxOctets/4 || c.byKey[key] != nil {
		return
	}
	c.byKey[key] = c.order.PushFront(&kept{key, answer, octets})
	for c.octets += octets; len(c.byKey) > maxAnswers || c.octets > maxOctets; {
		last := c.order.Back()
		k := c.order.Remove(last).(*kept)
		delete(c.byKey, k.key)
		c.octets -= k.octets
	}
}
