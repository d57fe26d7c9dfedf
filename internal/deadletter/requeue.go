package deadletter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
)

const (
	// maxChosen bounds the letters of one call, 16 octets each.
	maxChosen = 100_000
	// batchBytes and batchRecords bound one transaction.
	batchBytes   = 4 << 20
	batchRecords = 1000
)

// Plan is the effect that Requeue would have.
type Plan struct {
	// Back counts the letters that can be sent back, by their target topic.
	Back map[string]int
	// Not holds the letters that cannot be sent back, by reason.
	Not map[string]Refused

	ids map[ID]bool // letters that can be sent back
}

// Refused are the letters that cannot be sent back for one reason.
type Refused struct {
	Count int
	First ID
}

// Total returns the number of letters that can be sent back.
func (p Plan) Total() int { return len(p.ids) }

func newPlan() Plan {
	return Plan{Back: map[string]int{}, Not: map[string]Refused{}, ids: map[ID]bool{}}
}

func (p Plan) refuse(id ID, why string) {
	r, ok := p.Not[why]
	if !ok {
		r.First = id
	}
	r.Count++
	p.Not[why] = r
}

// alreadySent is the reason of letters with a note.
const alreadySent = "it was sent back before"

// Plan finds the letters of a filter that can be sent back. It changes nothing.
func (b Box) Plan(ctx context.Context, f Filter) (Plan, error) {
	p := newPlan()
	sent, err := b.sentBack(ctx, f.From)
	if err != nil {
		return p, err
	}
	adm, err := kafka.NewAdmin(b.Kafka, b.Log)
	if err != nil {
		return p, err
	}
	defer adm.Close()
	partitions := partitionsOf{adm: adm, cfg: b.Kafka, known: map[string]int32{}}
	missing := maps.Clone(f.IDs)
	err = b.read(ctx, f, func(l *Letter) error {
		delete(missing, l.ID)
		switch why := l.Refusal(); {
		case why != "":
			p.refuse(l.ID, why)
		case !sent[l.ID].IsZero():
			p.refuse(l.ID, alreadySent)
		default:
			n, err := partitions.of(ctx, l.named)
			if err != nil {
				return err
			}
			if l.Partition >= n {
				p.refuse(l.ID, fmt.Sprintf("its topic %s has no partition %d any more", l.Topic, l.Partition))
				return nil
			}
			if len(p.ids) == maxChosen {
				return fmt.Errorf("more than %d letters are chosen: choose fewer, by time for example", maxChosen)
			}
			p.ids[l.ID] = true
			p.Back[l.Topic]++
		}
		return nil
	})
	for id := range missing {
		p.refuse(id, "the topic does not hold it")
	}
	return p, err
}

// partitionsOf looks up the number of partitions, once for each topic.
type partitionsOf struct {
	adm   *kadm.Client
	cfg   kafka.Config
	known map[string]int32
}

func (p partitionsOf) of(ctx context.Context, topic string) (int32, error) {
	if n, ok := p.known[topic]; ok {
		return n, nil
	}
	n, err := kafka.Partitions(ctx, p.adm, p.cfg, topic)
	if err == nil {
		p.known[topic] = n
	}
	return n, err
}

// Requeue sends the letters of a plan back, each to its partition and with its key, in the letters'
// order. It omits letters that another process has sent back since the plan was made. sent counts
// the committed letters by topic, even with an error.
func (b Box) Requeue(ctx context.Context, p Plan) (sent map[string]int, not Plan, err error) {
	sent, not = map[string]int{}, newPlan()
	w, err := kafka.NewTransactions(ctx, b.Kafka, Stage, kafka.OnlyInstance, b.Log)
	if err != nil {
		return sent, not, err
	}
	defer w.Close()
	// This must follow NewTransactions, which ends another process's transaction.
	before, err := b.sentBack(ctx, time.Time{})
	if err != nil {
		return sent, not, err
	}
	batch := batch{box: b, w: w, sent: sent}
	err = b.scan(ctx, time.Time{}, func(l *Letter) error {
		switch {
		case !p.ids[l.ID]:
			return nil
		case !before[l.ID].IsZero():
			not.refuse(l.ID, alreadySent)
			return nil
		}
		return batch.add(ctx, l)
	})
	return sent, not, errors.Join(err, batch.flush(ctx))
}

// batch is one transaction.
type batch struct {
	box   Box
	w     *kafka.Transactions
	recs  []*kgo.Record
	bytes int
	sent  map[string]int
}

func (x *batch) add(ctx context.Context, l *Letter) error {
	x.recs = append(x.recs,
		&kgo.Record{Topic: l.Topic, Partition: l.Partition, Key: l.Key, Value: l.Value},
		note(x.box.Kafka, l))
	x.bytes += len(l.Key) + len(l.Value)
	if x.bytes < batchBytes && len(x.recs) < 2*batchRecords {
		return nil
	}
	return x.flush(ctx)
}

func (x *batch) flush(ctx context.Context) error {
	if len(x.recs) == 0 {
		return nil
	}
	if err := x.w.Write(ctx, x.recs); err != nil {
		return fmt.Errorf("sending dead letters back: %w", err)
	}
	for i := 0; i < len(x.recs); i += 2 {
		x.sent[x.recs[i].Topic]++
	}
	x.recs, x.bytes = nil, 0
	return nil
}
