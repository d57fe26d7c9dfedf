package detect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
)

const (
	// maxQuestions is the number of questions that may wait for the loop. The loop answers all of
	// them between two polls, and one answer may take some milliseconds.
	maxQuestions = 8
	// answerWithin is the time for which a question waits. The loop skips questions that have
	// waited longer.
	answerWithin = 2 * time.Second
)

// Reasons why a question has no answer.
var (
	errBusy = fmt.Errorf("%d questions wait already: ask again in a second", maxQuestions)
	errLate = fmt.Errorf(
		"the detector was busy for %v, as it is while it closes a window: ask again", answerWithin)
	errStandingBy = errors.New(
		"this detector is standing by: another process of the group has the state, ask that one")
)

// questions holds the questions that wait for the loop. It is safe for concurrent use.
type questions struct {
	mu      sync.Mutex
	waiting []*asked
	wake    context.CancelFunc // ends the present poll; nil outside of a poll
}

// asked is a question with a caller that waits for the answer.
type asked struct {
	q      query.Question
	limit  int
	gone   <-chan struct{}   // closed when the caller waits no longer
	answer chan query.Answer // has a buffer of one answer
}

// Ask answers a question from the state, with at most limit entries a list. Any goroutine may call
// it: the question waits until the loop is between two polls. The error gives the reason in words
// if there is no answer: the state is being built, another process has it, too many questions wait,
// or the answer took too long.
func (s *Stage) Ask(ctx context.Context, q query.Question, limit int) (query.Answer, error) {
	if err := s.asking.Ready(); err != nil {
		return query.Answer{}, err
	}
	if f := bgp.FamilyOf(q.Prefix); q.Prefix.IsValid() && !s.cfg.Families.Has(f) {
		return query.Answer{}, fmt.Errorf("this detector does not decide on %s: ask the one of %s", f.Title(), f)
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

// put adds a question to those that wait, and ends the present poll. It returns false if too many
// questions wait.
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

// drop removes a question whose caller waits no longer.
func (x *questions) drop(a *asked) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.waiting = slices.DeleteFunc(x.waiting, func(b *asked) bool { return a == b })
}

// until returns a context for a poll. The context ends when a question is put, and at once if one
// waits already. The caller must call the returned function.
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

// take removes and returns the questions that wait.
func (x *questions) take() []*asked {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := x.waiting
	x.waiting = nil
	return all
}

// answer answers the questions that wait. If the state is not ready, the questions keep waiting.
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
