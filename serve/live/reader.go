package live

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/schemas"
)

const (
	// askEvery is the interval of questions for the newest decided minute. askWithin bounds such a
	// question.
	askEvery  = time.Second / 4
	askWithin = 5 * time.Second
	// seedEvery is the interval of questions to a store that did not answer at the start.
	seedEvery = 5 * time.Second
	// valuesBack is the span before the newest decided minute for which bgp.visibility.v1 is read:
	// an hour in which each entity has a value, and the minutes of the ring.
	valuesBack = 2*time.Hour + 10*time.Minute
)

// reader reads the topics of one dataset into a fold. One goroutine uses it.
type reader struct {
	p     *Present
	cfg   kafka.Config
	asker *kgo.Client // asks questions, also through adm
	adm   *kadm.Client
	cl    *kgo.Client
	fold  *Fold
	// at is the offset behind the last polled record, by full topic and partition.
	at map[string]map[int32]int64
	// unseeded means that the store did not answer when reading began.
	unseeded bool
	// minute is decided, but not closed until the partitions were read up to ends. It is zero if no
	// minute is to be closed.
	minute time.Time
	ends   map[string]map[int32]int64
}

// errStoreBack ends a reading that began without the store's data.
var errStoreBack = errors.New("the store answers again")

// follow reads until ctx ends or reading fails. If the store did not answer at the beginning, follow
// begins again when it does: an older record of the store must not replace one from Kafka.
func (p *Present) follow(ctx context.Context) error {
	for {
		if err := p.followOnce(ctx); !errors.Is(err, errStoreBack) {
			return err
		}
	}
}

// followOnce reads until ctx ends, reading fails, or the store is to be read again.
func (p *Present) followOnce(ctx context.Context) error {
	r := &reader{p: p, cfg: p.cfg.Kafka, at: map[string]map[int32]int64{}}
	var err error
	if r.asker, err = kafka.NewClient(r.cfg, p.cfg.Log); err != nil {
		return err
	}
	defer r.asker.Close()
	r.adm = kadm.NewClient(r.asker)
	if err := r.begin(ctx); err != nil {
		return err
	}
	defer r.cl.Close()
	reading, end := context.WithCancelCause(ctx)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer end(nil)
	if r.unseeded {
		waiting.Go(func() { // ends with reading
			r.awaitStore(reading)
			end(errStoreBack)
		})
	}
	err = r.loop(reading)
	if ctx.Err() == nil && reading.Err() != nil {
		return errStoreBack
	}
	return err
}

// awaitStore waits until the store's data can be read, or ctx ends.
func (r *reader) awaitStore(ctx context.Context) {
	for retry.Sleep(ctx, seedEvery) == nil {
		if _, err := r.p.cfg.Seed(ctx, r.p.Snapshot().Until()); err == nil {
			return
		}
	}
}

// begin finds the start offsets, seeds the fold, and makes the client.
func (r *reader) begin(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, 4*askWithin)
	defer cancel()
	decided, err := kafka.Decided(limited, r.adm, r.cfg)
	if err != nil {
		return err
	}
	generation, err := r.generation(limited)
	if err != nil {
		return err
	}
	starts, err := r.starts(limited, decided)
	if err != nil {
		return err
	}
	r.fold = NewFold(r.p.cfg.Dataset, generation, r.ofMinutes(starts))
	r.seed(ctx, decided)
	consume := map[string]map[int32]kgo.Offset{}
	for topic, of := range starts {
		r.at[topic], consume[topic] = of, map[int32]kgo.Offset{}
		for p, o := range of {
			consume[topic][p] = kgo.NewOffset().At(o)
		}
	}
	r.cl, err = kafka.NewClient(r.cfg, r.p.cfg.Log, append(kafka.FetchBounds(),
		kgo.ConsumePartitions(consume), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), kgo.FetchMaxWait(askEvery/2))...)
	if err != nil {
		return err
	}
	r.p.restarted(r.fold)
	return nil
}

// seed adds the store's data to the fold. Without them the fold begins with the topics alone.
func (r *reader) seed(ctx context.Context, decided int64) {
	if r.p.cfg.Seed == nil || decided < 0 {
		return
	}
	seed, err := r.p.cfg.Seed(ctx, time.Unix(decided, 0).Add(time.Minute))
	if err != nil {
		r.p.cfg.Log.Warn(
			"reading the present from the store failed: values older than those in Kafka are unknown",
			"err", err)
		r.unseeded = true
		return
	}
	for _, v := range seed.Values {
		r.fold.SeedValue(v)
	}
	for _, e := range seed.Outages {
		r.fold.SeedOutage(e)
	}
}

// generation returns a name of the topics as they were created. It changes if a topic is deleted
// and made again.
func (r *reader) generation(ctx context.Context) (string, error) {
	var names []string
	for _, t := range minuteTopics {
		names = append(names, r.cfg.Topic(t))
	}
	listed, err := r.adm.ListTopics(ctx, names...)
	if err != nil {
		return "", fmt.Errorf("describing topics: %w", err)
	}
	var ids []string
	for _, n := range names {
		d, ok := listed[n]
		if !ok || d.Err != nil {
			return "", fmt.Errorf("describing topic %s: %w", n, d.Err)
		}
		ids = append(ids, d.ID.String())
	}
	return digest(strings.Join(ids, " ")), nil
}

// minuteTopics are the topics whose records belong to minutes. Their offsets make the place of a
// window.
var minuteTopics = []string{schemas.TopicOutages, schemas.TopicVisibility}

// starts returns the start offsets of the topics. Outages are read from the beginning. The others
// repeat their content, and are read from some time before the newest decided minute.
func (r *reader) starts(ctx context.Context, decided int64) (map[string]map[int32]int64, error) {
	back := r.p.cfg.Now()
	if decided >= 0 && !r.p.cfg.Played {
		back = time.Unix(min(decided, back.Unix()), 0)
	}
	out := map[string]map[int32]int64{}
	for topic, since := range map[string]time.Time{
		schemas.TopicOutages: {}, schemas.TopicVisibility: back.Add(-valuesBack),
		schemas.TopicPanel: back.Add(-feedlog.Back), schemas.TopicFeeds: back.Add(-feedlog.Back),
	} {
		full := r.cfg.Topic(topic)
		var listed kadm.ListedOffsets
		var err error
		if since.IsZero() || r.p.cfg.Played {
			listed, err = r.adm.ListStartOffsets(ctx, full)
		} else {
			listed, err = r.adm.ListOffsetsAfterMilli(ctx, since.UnixMilli(), full)
		}
		if err == nil {
			err = listed.Error()
		}
		if err != nil {
			return nil, fmt.Errorf("listing offsets of %s: %w", full, err)
		}
		out[full] = offsets(listed)[full]
	}
	return out, nil
}

// ofMinutes returns the offsets of minuteTopics, by their names in the registry.
func (r *reader) ofMinutes(all map[string]map[int32]int64) map[string]map[int32]int64 {
	out := map[string]map[int32]int64{}
	for _, t := range minuteTopics {
		out[t] = all[r.cfg.Topic(t)]
	}
	return out
}

func offsets(listed kadm.ListedOffsets) map[string]map[int32]int64 {
	out := map[string]map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) {
		if out[o.Topic] == nil {
			out[o.Topic] = map[int32]int64{}
		}
		out[o.Topic][o.Partition] = o.Offset
	})
	return out
}

// loop polls records, and asks for the newest decided minute at each askEvery.
func (r *reader) loop(ctx context.Context) error {
	var asked time.Time
	for {
		var err error
		switch now := r.p.cfg.Now(); {
		case now.Sub(asked) >= askEvery && r.minute.IsZero():
			asked, err = now, r.ask(ctx)
		// A minute waits for its records, which do not come while Kafka is away.
		case now.Sub(asked) >= askWithin:
			asked = now
			_, err = r.decided(ctx)
		}
		if err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, askEvery)
		fetches := r.cl.PollFetches(limited)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		if err := r.cfg.FetchErr(fetches); err != nil {
			return err
		}
		r.take(fetches)
		if fetches.NumRecords() == 0 && !r.minute.IsZero() {
			if err := r.skip(ctx); err != nil {
				return err
			}
		}
		r.settle()
	}
}

// take applies polled records.
func (r *reader) take(fetches kgo.Fetches) {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	for it := fetches.RecordIter(); !it.Done(); {
		rec := it.Next()
		r.at[rec.Topic][rec.Partition] = rec.Offset + 1
		if rec.Attrs.IsControl() {
			continue
		}
		if err := r.fold.Apply(rec); err != nil {
			r.p.cfg.Log.Warn("a record of the present was passed over", "topic", rec.Topic,
				"partition", rec.Partition, "err", err)
		}
	}
}

// decided returns the newest decided minute.
func (r *reader) decided(ctx context.Context) (time.Time, error) {
	limited, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	decided, err := kafka.Decided(limited, r.adm, r.cfg)
	return time.Unix(max(0, decided), 0).UTC(), err
}

// ask asks for the newest decided minute. If the minute is new, ask also fetches the ends up to
// which the topics must be read for it.
func (r *reader) ask(ctx context.Context) error {
	minute, err := r.decided(ctx)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	if r.p.ready.Load() && !minute.After(r.p.Snapshot().Minute) {
		r.p.alive()
		return nil
	}
	var names []string
	for _, t := range Topics() {
		names = append(names, r.cfg.Topic(t))
	}
	ends, err := r.adm.ListCommittedOffsets(limited, names...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("asking where the topics end: %w", err)
	}
	r.minute, r.ends = minute, offsets(ends)
	return nil
}

// skip goes to the ends of the partitions in which no record is left up to the end.
func (r *reader) skip(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	for topic, ends := range r.ends {
		left := map[int32]int64{}
		for p, end := range ends {
			if r.at[topic][p] < end {
				left[p] = end
			}
		}
		if len(left) == 0 {
			continue
		}
		empty, err := kafka.Empty(limited, r.cfg, r.asker, topic, r.at[topic], left)
		if err != nil {
			return err
		}
		for _, p := range empty {
			r.at[topic][p] = left[p]
		}
	}
	return nil
}

// settle closes the waiting minute once all its records were read.
func (r *reader) settle() {
	if r.minute.IsZero() {
		return
	}
	for topic, of := range r.ends {
		for p, end := range of {
			if r.at[topic][p] < end {
				return
			}
		}
	}
	minute := r.minute
	r.minute, r.ends = time.Time{}, nil
	r.p.ready.Store(true)
	r.p.closed(r.fold, minute, r.unseeded)
}

// digest returns a short name of a text: eight hex digits.
func digest(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:4])
}
