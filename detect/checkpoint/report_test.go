package checkpoint

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// TestReport: the report names checkpoints that are whole, damaged, unfinished or of another
// format.
func TestReport(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var text strings.Builder
	all, err := s.Report(t.Context(), true)
	if err == nil {
		err = WriteTable(&text, all, true)
	}
	if err != nil || !strings.HasPrefix(text.String(), "There is no checkpoint.") {
		t.Errorf("an empty topic: %q, %v", text.String(), err)
	}
	write(t, s, 0, 60, true, noise(10, 1))
	m := write(t, s, 1, 120, false, noise(10, 2))
	half := write(t, s, 1, 180, false, noise(10, 3))
	report := func(m Manifest) []Listed {
		t.Helper()
		rec, err := m.Record(s.Kafka.Topic(schemas.TopicCheckpoints), s.Detector)
		if err != nil {
			t.Fatal(err)
		}
		publish(t, s, rec)
		all, err := s.Report(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if all := report(m); len(all) != 2 || Faulty(all) != 0 || all[0].Checkpoint != m.ID {
		t.Errorf("got %+v, want two, %s first", all, m.ID)
	}
	bad := half
	bad.Sum = slices.Clone(half.Sum)
	bad.Sum[3] ^= 1
	if all := report(bad); Faulty(all) != 1 || !strings.Contains(all[0].Fault, "not those that its manifest names") {
		t.Errorf("got %+v, want %s damaged", all, bad.ID)
	}
	old := half
	old.Format++
	all = report(old)
	text.Reset()
	if err := WriteTable(&text, all, true); err != nil || Faulty(all) != 1 || !strings.Contains(text.String(), "of another format") || strings.Count(text.String(), "whole") != 1 {
		t.Errorf("got %s, %v", text.String(), err)
	}
}

// TestInterleaving15DropBesideDetector: checkpoints are not removed while the group has a member.
func TestInterleaving15DropBesideDetector(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	write(t, s, 0, 60, true, noise(10, 1))
	cl, err := kafka.NewClient(s.Kafka, kafkatest.Log(), kgo.ConsumerGroup(s.Kafka.Group(s.Detector)), kgo.ConsumeTopics(s.Kafka.Topic(schemas.TopicRoutes)))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for { // until it has joined
		if names, err := s.Members(t.Context()); err != nil || len(names) > 0 {
			break
		}
	}
	if _, err := s.Remove(t.Context()); !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), "1 member") {
		t.Errorf("got %v, want that the group has a member", err)
	}
	cl.LeaveGroup()
	if n, err := s.Remove(t.Context()); n != 1 || err != nil {
		t.Errorf("removed %d, %v; want 1", n, err)
	}
}
