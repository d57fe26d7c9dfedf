package notify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/ledger"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// maxInbox bounds the inputs that the loop has not processed yet. The followers wait while the
	// inbox is full.
	maxInbox = 256
	// panelBack is the span of bgp.panel.v1 that is read at a start. Panels come every quarter of
	// an hour.
	panelBack = 2 * time.Hour
	// decidedInterval is the interval between reads of the newest decided minute.
	decidedInterval = 5 * time.Second
	// ledgerBack is the time before the start from which records of commands are read. Processing
	// such a record twice changes nothing.
	ledgerBack = time.Minute
)

// input is one item of a follower. Exactly one field is set.
type input struct {
	verdict *verdict
	decided time.Time
	silence *incident.Silence
	ended   string // id of a silence
	retry   string // key of a delivery
}

// verdict reports whether verdicts are possible in a family.
type verdict struct {
	family   bgp.Family
	possible bool
	reason   string
	since    time.Time
}

// follow starts the followers. They end with ctx.
func (x *session) follow(ctx context.Context, began time.Time) {
	for _, f := range []func(context.Context, time.Time) error{x.followPanel, x.followDetect, x.followLedger} {
		x.followers.Go(func() { // ends with ctx
			if err := f(ctx, began); err != nil && ctx.Err() == nil {
				select {
				case x.faults <- err:
				default:
				}
				x.stir()
			}
		})
	}
	if x.d.Heart != nil {
		x.followers.Go(func() { x.d.Heart.run(ctx, x.Stage) }) // ends with ctx
	}
}

// pass sends an input to the loop.
func (x *session) pass(ctx context.Context, in input) error {
	select {
	case x.inbox <- in:
		x.stir()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// followPanel passes on whether verdicts are possible.
func (x *session) followPanel(ctx context.Context, began time.Time) error {
	said := map[bgp.Family]verdict{}
	return kafka.TailSince(ctx, x.d.Kafka, x.d.Log, []string{schemas.TopicPanel}, began.Add(-panelBack),
		func(rec *kgo.Record) error {
			v, ok := parseVerdict(rec)
			if !ok {
				return nil
			}
			if was, known := said[v.family]; known && was.possible == v.possible {
				v.since = was.since
			}
			said[v.family] = v
			return x.pass(ctx, input{verdict: &v})
		})
}

// parseVerdict reads a record of bgp.panel.v1. It returns false if the record cannot be read or has
// a family of a later version.
func parseVerdict(rec *kgo.Record) (verdict, bool) {
	var p pb.PanelRecord
	if err := p.UnmarshalVT(rec.Value); err != nil {
		return verdict{}, false
	}
	family, err := codec.ParseFamily(p.GetFamily())
	if err != nil {
		return verdict{}, false
	}
	why, votes := codec.ParseVerdict(&p)
	v := verdict{family: family, possible: len(why) == 0, since: time.UnixMicro(p.GetTimeUs()).UTC()}
	if !v.possible {
		v.reason = why.Text(votes)
	}
	return v, true
}

// followDetect passes on the newest minute that detect has decided. If Kafka does not answer, it
// tries again without a message: the loop reports the failure.
func (x *session) followDetect(ctx context.Context, _ time.Time) error {
	adm, err := kafka.NewAdmin(x.d.Kafka, x.d.Log)
	if err != nil {
		return err
	}
	defer adm.Close()
	for {
		w, err := kafka.Decided(ctx, adm, x.d.Kafka)
		if err == nil && w >= 0 {
			if err := x.pass(ctx, input{decided: time.Unix(w, 0).UTC()}); err != nil {
				return err
			}
		}
		if err := retry.Sleep(ctx, decidedInterval); err != nil {
			return err
		}
	}
}

// followLedger passes on the records that commands write.
func (x *session) followLedger(ctx context.Context, began time.Time) error {
	return kafka.TailSince(ctx, x.d.Kafka, x.d.Log, []string{schemas.TopicNotify}, began.Add(-ledgerBack),
		func(rec *kgo.Record) error {
			e, err := ledger.Parse(rec)
			switch {
			case err != nil:
				return nil //nolint:nilerr // the next start names it
			// The stage may have written this itself; then it changes nothing.
			case e.Silence != "" && e.Gone:
				return x.pass(ctx, input{ended: e.Silence})
			case e.Gone || !e.Foreign:
				return nil
			case e.Retry != "":
				return x.pass(ctx, input{retry: e.Retry})
			case e.Delivery != nil && e.Delivery.Silence != nil:
				return x.pass(ctx, input{silence: e.Delivery.Silence})
			}
			return nil
		})
}

// learn processes the inputs of the followers.
func (x *session) learn(now time.Time) error {
	for {
		select {
		case in := <-x.inbox:
			if err := x.take(in, now); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (x *session) take(in input, now time.Time) error {
	switch {
	case in.verdict != nil:
		x.engine.Verdicts(in.verdict.family, in.verdict.possible, in.verdict.reason, in.verdict.since, now)
	case !in.decided.IsZero():
		x.engine.Decided(in.decided, now)
	case in.ended != "":
		return x.put(x.engine.EndSilence(in.ended, now))
	case in.silence != nil:
		return x.put(x.engine.Silence(*in.silence, now))
	case in.retry != "":
		return x.retry(in.retry, now)
	}
	return nil
}

// retry allows another attempt for a parked message and removes the request.
func (x *session) retry(key string, now time.Time) error {
	name, id, _ := strings.Cut(key, "/")
	d := x.engine.Retry(name, id, now)
	if d == nil {
		x.d.Log.Warn("somebody asks for a message to be sent again, and none is parked under its key", "key", key)
	}
	if err := x.put(d); err != nil {
		return err
	}
	rec, err := x.writer.RetryDone(key)
	if err != nil {
		return fmt.Errorf("noting that %s is sent again: %w", key, err)
	}
	x.pending.put(rec)
	return nil
}
