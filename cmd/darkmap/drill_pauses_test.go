package main

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/notify"
	"github.com/darkmap/darkmap/schemas"
	"github.com/darkmap/darkmap/sink"
)

// Figures of docs/operations.md, Replacing a member.
const (
	documentedSession   = 6 * time.Second  // a member that is gone for longer loses its partitions
	documentedRebalance = 10 * time.Second // a group needs no longer to give partitions to others
)

// player produces the records of a drill, in order.
type player struct {
	d    *drill
	cl   *kgo.Client
	next int
}

func (d *drill) player() *player {
	d.t.Helper()
	cl, err := kafka.NewClient(d.cfg, kafkatest.Log(), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(cl.Close)
	return &player{d: d, cl: cl}
}

// begin produces records until before the end, over some five seconds. The returned function
// produces the rest of them at once and waits for that.
func (p *player) begin(end int) (stop func()) {
	p.d.t.Helper()
	hurry, done := make(chan struct{}), make(chan struct{})
	piece := max((end-p.next)/100, 1)
	go func() { // ends at end, which stop hastens
		defer close(done)
		for p.next < end {
			select {
			case <-hurry:
				piece = end - p.next
			case <-time.After(50 * time.Millisecond):
			}
			until := min(p.next+piece, end)
			for _, r := range p.d.records[p.next:until] {
				p.cl.Produce(p.d.t.Context(), &kgo.Record{
					Topic: p.d.cfg.Topic(schemas.TopicUpdates), Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers,
				}, func(_ *kgo.Record, err error) {
					if err != nil {
						p.d.t.Error(err)
					}
				})
			}
			p.next = until
		}
	}()
	return func() {
		close(hurry)
		<-done
		if err := p.cl.Flush(p.d.t.Context()); err != nil {
			p.d.t.Error(err)
		}
	}
}

// pauses measures for how long partitions of stages stand still although they have records to read.
type pauses struct {
	t       *testing.T
	mu      sync.Mutex
	longest map[string]time.Duration // by stage; guarded by mu
	took    map[string]time.Duration // the longest replacement of a process, by stage
	stop    func()
}

// standing is a partition of a stage.
type standing struct {
	committed int64
	since     time.Time // of the last commit, or of the time when it had nothing to read
}

// watchPauses looks at the commits of the groups until the test ends.
func watchPauses(t *testing.T, cfg kafka.Config) *pauses {
	t.Helper()
	adm, err := kafka.NewAdmin(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	inputs := map[string][]string{
		enrich.Name: {schemas.TopicUpdates}, detect.Name: {schemas.TopicRoutes}, sink.Name: sink.Topics(),
		notify.Name: {schemas.TopicOutages},
	}
	p := &pauses{t: t, longest: map[string]time.Duration{}, took: map[string]time.Duration{}}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	p.stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
		adm.Close()
	})
	t.Cleanup(p.stop)
	for stage, topics := range inputs {
		for i, topic := range topics {
			topics[i] = cfg.Topic(topic)
		}
		all.Go(func() { p.watch(ctx, adm, stage, cfg.Group(stage), topics) }) // ends with ctx
	}
	return p
}

// watch looks at the commits of one group until ctx ends.
func (p *pauses) watch(ctx context.Context, adm *kadm.Client, stage, group string, topics []string) {
	parts := map[string]map[int32]*standing{}
	for ctx.Err() == nil {
		ends, err := adm.ListCommittedOffsets(ctx, topics...)
		commits, err2 := adm.FetchOffsets(ctx, group)
		now := time.Now()
		if err == nil && err2 == nil {
			ends.Each(func(o kadm.ListedOffset) {
				at := int64(0)
				if c, ok := commits.Lookup(o.Topic, o.Partition); ok {
					at = c.At
				}
				if parts[o.Topic] == nil {
					parts[o.Topic] = map[int32]*standing{}
				}
				s := parts[o.Topic][o.Partition]
				if s == nil || s.committed != at || at >= o.Offset {
					parts[o.Topic][o.Partition] = &standing{at, now}
					return
				}
				p.mu.Lock()
				p.longest[stage] = max(p.longest[stage], now.Sub(s.since))
				p.mu.Unlock()
			})
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// replaced records how long a process was away: from the request to end until its successor was
// ready.
func (p *pauses) replaced(stage string, took time.Duration) {
	p.took[stage] = max(p.took[stage], took)
}

// report prints the longest pause of each stage. It has to be shorter than what docs/operations.md
// says: a session, a rebalance, and the time for which the process itself was away. That counts
// twice, because a busy machine is slow after the start too.
func (p *pauses) report() {
	p.t.Helper()
	p.stop()
	for _, stage := range rolled {
		limit := documentedSession + documentedRebalance + 2*p.took[stage]
		p.t.Logf("%s: longest pause of a partition %v, longest replacement of a process %v, limit %v", stage,
			p.longest[stage].Round(time.Millisecond), p.took[stage].Round(time.Millisecond), limit.Round(time.Second))
		if p.longest[stage] > limit {
			p.t.Errorf("%s: a partition stood still for %v, longer than %v", stage, p.longest[stage], limit)
		}
	}
}
