// Command go is an example. It reads bgp.outages.json.v1 and prints an alert, one JSON object a
// line, when an outage opens, changes its severity, or is over. Replace send with a function that
// notifies your people. The program needs no code of darkmap: copy the folder, and `go mod init`
// it.
//
// It keeps in a file, by outage id, the last alert of each outage. When it starts it reads the
// missed records to the end, and only then decides, so an outage that began and ended meanwhile
// makes no alert. It commits offsets after the alerts are sent and the file is written. So a crash
// in between sends an alert again, and loses none.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"maps"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// lookEvery is how often the program checks whether darkmap was started again.
const lookEvery = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) && ctx.Err() == nil {
		log.Fatal(err) //nolint:gocritic // nothing has to be undone: stop only ends the handling of signals
	}
}

// send sends an alert. An error ends the program. The next start sends the alert again.
func send(a alert) error { return json.NewEncoder(os.Stdout).Encode(a) }

func run(ctx context.Context, args []string) error {
	f, err := parse(args)
	if err != nil {
		return err
	}
	s, err := readState(f.state)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		c, err := f.connection()
		if err != nil {
			return err
		}
		if again, err := consume(ctx, f, c, s); err != nil || !again {
			return err
		}
	}
	return nil
}

// consume reads until ctx ends, or until darkmap has another Kafka. In the latter case again is
// true.
func consume(ctx context.Context, f flags, c connection, s *state) (again bool, err error) {
	opts, err := c.options()
	if err != nil {
		return false, err
	}
	opts = append(opts, kgo.ConsumeTopics(f.topic), kgo.ConsumerGroup(f.group), kgo.DisableAutoCommit(),
		// A restarted process takes the place of its predecessor at once.
		kgo.InstanceID(f.group),
		// Records that darkmap did not commit are not read.
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// The last record of the log is the mark of a commit.
		kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if s.fresh { // the offsets mean nothing without the file
		opts = append(opts, kgo.AdjustFetchOffsetsFn(fromTheStart))
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return false, err
	}
	defer cl.Close()
	behind, err := missed(ctx, cl, f, s.fresh)
	if _, away := errors.AsType[*net.OpError](err); away {
		log.Printf("Kafka does not answer, another try follows: %v", err)
		return pause(ctx), nil
	}
	if err != nil {
		return false, err
	}
	for news := true; ; {
		if news && len(behind) == 0 {
			if err := handle(ctx, cl, s); err != nil || f.untilEnd {
				return false, err
			}
		}
		if news, err = poll(ctx, cl, f, s, behind); err != nil || ctx.Err() != nil {
			return false, err
		}
		if now, err := f.connection(); err != nil || now != c {
			return err == nil, err
		}
	}
}

// pause waits for lookEvery, and reports whether ctx goes on.
func pause(ctx context.Context) bool {
	t := time.NewTimer(lookEvery)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// handle sends alerts, writes the state and commits, in this order. The next start repeats the
// steps that failed.
func handle(ctx context.Context, cl *kgo.Client, s *state) error {
	if err := s.tell(send); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	if err := s.write(); err != nil {
		return err
	}
	if err := cl.CommitUncommittedOffsets(ctx); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// fromTheStart sets the offsets at which a member of the group begins.
func fromTheStart(
	_ context.Context, all map[string]map[int32]kgo.Offset,
) (map[string]map[int32]kgo.Offset, error) {
	for _, partitions := range all {
		for p := range partitions {
			partitions[p] = kgo.NewOffset().AtStart()
		}
	}
	return all, nil
}

// missed returns the ends of the partitions that hold records which the group has not handled or,
// after a fresh start, any records.
func missed(ctx context.Context, cl *kgo.Client, f flags, fresh bool) (map[int32]int64, error) {
	adm := kadm.NewClient(cl)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	starts, err := adm.ListStartOffsets(ctx, f.topic)
	if err != nil {
		return nil, fmt.Errorf("looking where the topic begins: %w", err)
	}
	ends, err := adm.ListCommittedOffsets(ctx, f.topic)
	if err != nil {
		return nil, fmt.Errorf("looking where the topic ends: %w", err)
	}
	if err := errors.Join(starts.Error(), ends.Error()); err != nil {
		return nil, fmt.Errorf("topic %s: %w", f.topic, err)
	}
	handled, err := adm.FetchOffsets(ctx, f.group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // no member has joined the group yet
		return nil, fmt.Errorf("looking how far the group is: %w", err)
	}
	behind := map[int32]int64{}
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(f.topic, end.Partition)
		done, ok := handled.Lookup(f.topic, end.Partition)
		if start.Offset < end.Offset && (fresh || !ok || done.At < end.Offset) {
			behind[end.Partition] = end.Offset
		}
	})
	return behind, nil
}

// poll applies the next records. news reports whether any came. poll removes from behind the
// partitions that were read to their end.
func poll(
	ctx context.Context, cl *kgo.Client, f flags, s *state, behind map[int32]int64,
) (news bool, err error) {
	wait, cancel := context.WithTimeout(ctx, lookEvery)
	defer cancel()
	fetches := cl.PollFetches(wait)
	for _, e := range fetches.Errors() {
		if !errors.Is(e.Err, context.DeadlineExceeded) && !errors.Is(e.Err, context.Canceled) {
			return false, fmt.Errorf("reading %s: %w", e.Topic, e.Err)
		}
	}
	fetches.EachRecord(func(r *kgo.Record) {
		if end, ok := behind[r.Partition]; ok && r.Offset+1 >= end {
			delete(behind, r.Partition)
		}
		if r.Attrs.IsControl() {
			return
		}
		var o outage
		if err := json.Unmarshal(r.Value, &o); err != nil || o.ID == "" {
			log.Printf("offset %d is no outage: %v", r.Offset, err)
		} else if o.Dataset == f.dataset {
			s.take(o, r.Timestamp)
		}
	})
	return fetches.NumRecords() > 0, nil
}

func sortedKeys(m map[string]bool) []string { return slices.Sorted(maps.Keys(m)) }
