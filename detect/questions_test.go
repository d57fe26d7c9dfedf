package detect_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/query"
)

// TestAsk: questions are answered while no record ends a poll. A detector that stands by or has not
// begun returns the reason why it has no answer.
func TestAsk(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 1)
	s := newStage(t, cfg, 0)
	q := query.Question{Kind: query.KindCountry, Code: "KP"}
	if _, err := s.Ask(t.Context(), q, 1); err == nil || err.Error() != "not started" {
		t.Errorf("before it runs: %v", err)
	}
	defer start(t, s)()
	produce(t, cfg, 3, 10)
	kafkatest.WaitDrained(t, cfg, reading)
	for i := range 20 {
		if a, err := s.Ask(t.Context(), q, i); err != nil || a.What != "KP" || a.OutagesTotal != i {
			t.Fatalf("question %d: got %+v, %v", i, a, err)
		}
	}
	var asking sync.WaitGroup
	var mu sync.Mutex
	said := map[string]int{}
	for range 200 { // 8 wait at a time
		asking.Go(func() {
			_, err := s.Ask(t.Context(), q, 1)
			mu.Lock()
			defer mu.Unlock()
			said[fmt.Sprint(err)]++
		})
	}
	asking.Wait()
	for text := range said {
		if text != "<nil>" && !strings.Contains(text, "8 questions wait already") {
			t.Errorf("of 200 at once: %v", said)
		}
	}
	if said["<nil>"] < 8 {
		t.Errorf("of 200 at once: %v", said)
	}
	second, err := newCounter(cfg, "1", 0, counter{})
	if err != nil {
		t.Fatal(err)
	}
	defer start(t, second)()
	text := ""
	for end := time.Now().Add(20 * time.Second); !strings.Contains(text, "standing by"); time.Sleep(50 * time.Millisecond) {
		_, err := second.Ask(t.Context(), q, 1)
		if text = fmt.Sprint(err); time.Now().After(end) {
			t.Fatalf("one that stands by says %q", text)
		}
	}
}
