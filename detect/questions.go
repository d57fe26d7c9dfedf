package detect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/darkmap/darkmap/internal/query"
)

const (
	// maxQuestions wait for the loop at most: it answers all of them between two polls, and one may take some milliseconds.
	maxQuestions = 8
	// answerWithin is how long a question waits; the loop passes over those that have waited longer.
	answerWithin = 2 * time.Second
)

// Why a question has no answer.
var (
	errBusy       = fmt.Errorf("%d questions wait already: ask again in a second", maxQuestions)
	errLate       = fmt.Errorf("the detector was busy for %v, as it is while it closes a window: ask again", answerWithin)
	errStandingBy = errors.New("this detector stands by: another process of the group has the state, ask that one")
)

// questions are those that wait for the loop. It is safe for concurrent use.
type questions struct {
	mu      sync.Mutex
	waiting []*asked
	wake    context.CancelFunc // ends the poll that is under way; nil while there is none
}

// asked is a question that somebody waits for.
type asked struct {
	q      query.Question
	limit  int
	gone   <-chan struct{}   // closed when nobody waits any more
	answer chan query.Answer // takes one
}

// Ask answers a question from the state, with limit entries a list. It may be called from any goroutine: the question waits until the loop
// is between two polls. The error says in words why there is no answer: the state is being built, another process has it, too many ask, or
// it took too long.
func (s *Stage) Ask(ctx context.Context, q query.Question, limit int) (query.Answer, error) {
	if err := s.asking.Ready(); err != nil {
		return query.Answer{}, err
	}
	limited, cancel := context.WithTimeoutCause(ctx, answerWithin, errLate)
	defer cancel()
	a := &asked{q: q, limit: limit, gone: limited.Done(), answer: make(chan query.Answer, 1)}
	if !s.questions.put(a) {
		return query.Answer{}, errBusy
	}
	select {
	case answer := <-a.answer:
		return answer, nil
	case <-limited.Done():
		s.questions.drop(a)
		return query.Answer{}, context.Cause(limited)
	}
}

// put makes a question wait, and ends the poll that is under way; false where too many wait.
func (x *questions) put(a *asked) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.waiting) >= maxQuestions {
		return false
	}
	x.waiting = append(x.waiting, a)
	if x.wake != nil {
		x.wake()
	}
	return true
}

// drop takes back a question that nobody waits for.
func (x *questions) drop(a *asked) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.waiting = slices.DeleteFunc(x.waiting, func(b *asked) bool { return a == b })
}

// until returns a context for a poll that ends when a question comes, or waits already. The function that it returns has to be called.
func (x *questions) until(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.waiting) > 0 {
		cancel()
	}
	x.wake = cancel
	return ctx, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.wake = nil
		cancel()
	}
}

// take returns the questions that wait.
func (x *questions) take() []*asked {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := x.waiting
	x.waiting = nil
	return all
}

// answer answers the questions that wait, unless the state is not there: then they wait for it.
func (x *session) answer() {
	if x.asking.Ready() != nil {
		return
	}
	for _, a := range x.questions.take() {
		select {
		case <-a.gone:
		default:
			a.answer <- x.detector.Answer(a.q, a.limit)
		}
	}
}
