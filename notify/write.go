package notify

import (
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/notify/incident"
)

// pending holds the records of the next transaction: the newest record of each key, in the order in
// which the keys first came.
type pending struct {
	all []*kgo.Record
	at  map[string]int
}

func (p *pending) empty() bool { return len(p.all) == 0 }

func (p *pending) records() []*kgo.Record { return p.all }

func (p *pending) put(rec *kgo.Record) {
	if i, ok := p.at[string(rec.Key)]; ok {
		p.all[i] = rec
		return
	}
	if p.at == nil {
		p.at = map[string]int{}
	}
	p.at[string(rec.Key)] = len(p.all)
	p.all = append(p.all, rec)
}

// put adds the records of changed deliveries to the next transaction.
func (x *session) put(changed ...*incident.Delivery) error {
	for _, d := range changed {
		if d == nil {
			continue
		}
		rec, err := x.writer.Delivery(d)
		if err != nil {
			return err
		}
		x.pending.put(rec)
	}
	return nil
}

// transact publishes records with the offsets. It copies the records, because a client writes into
// the records that it gets.
func (x *session) transact(recs []*kgo.Record) (bool, error) {
	ctx, cancel := kafka.TransactionContext(x.ctx, x.d.Drain)
	defer cancel()
	ctx = kgo.PreTxnCommitFnContext(ctx, func(req *kmsg.TxnOffsetCommitRequest) error {
		x.offsets(req)
		return nil
	})
	copies := make([]*kgo.Record, len(recs))
	for i, r := range recs {
		copies[i] = &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value}
	}
	return kafka.Transact(ctx, x.s, copies)
}

// say logs the engine's sentences.
func (x *session) say() {
	for _, text := range x.engine.Said() {
		x.d.Log.Warn("the engine reports a problem", "reason", text)
	}
}
