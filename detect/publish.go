package detect

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/detect/clock"
	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// errPublish marks a failure of Kafka while a window was being closed. The state is then thrown
// away and built again.
var errPublish = errors.New("publishing failed")

// indexBits is the number of low bits of a sequence number that hold the number of the record in
// its window, from 1. The bits above them hold the window, in minutes since 1970. So sequence
// numbers rise from window to window, however many records a window has, and they stay below 2^53.
const indexBits = 24

// publisher turns the detector's output into records, each window once.
type publisher struct {
	cfg        kafka.Config
	m          *metrics
	families   core.Families
	partitions map[string]int32 // number of partitions of each topic of outTopics
	before     published        // last windows that earlier sessions published
	last       int64            // last window gathered or published, seconds since 1970; -1: none
	pending    []*kgo.Record
	windows    int // number of windows closed since the last transaction
}

func newPublisher(ctx context.Context, x *session) (*publisher, error) {
	p := &publisher{
		cfg: x.d.Kafka, m: x.m, families: x.cfg.Families, partitions: map[string]int32{},
		before: x.a.published, last: x.a.published.least(x.cfg.Families),
	}
	adm := kadm.NewClient(x.s.Client()) // Close would close the session's client.
	for _, t := range outTopics {
		n, err := kafka.Partitions(ctx, adm, x.d.Kafka, t)
		if err != nil {
			return nil, err
		}
		p.partitions[t] = n
	}
	return p, nil
}

// window gathers the output of a window, and the records that were rejected in it. It gathers
// nothing if the window was published by an earlier session.
func (p *publisher) window(start int64, outs []core.Out, rejected []clock.Rejected) error {
	if start <= p.last {
		return nil
	}
	p.last = start
	p.windows++
	for i, r := range rejected {
		p.m.dropped[dropInvalid].Inc()
		if i >= clock.MaxRejected || !p.leads(start) { // its record was not kept, or is a dead letter
			continue
		}
		value, err := r.Record.MarshalVT()
		if err != nil {
			return fmt.Errorf("encoding a dead letter: %w", err)
		}
		from := &kgo.Record{
			Topic: p.cfg.Topic(schemas.TopicRoutes), Partition: r.Partition, Offset: r.Offset,
			Key: []byte(r.Record.GetPosition().GetCollector()), Value: value,
		}
		p.deadLetter(from, r.Err)
	}
	index := map[string]uint64{}
	for _, o := range outs {
		if start <= p.before[familyOf(o.Record, p.families)-bgp.IPv4] {
			continue
		}
		if err := p.out(start, o, index); err != nil {
			return err
		}
	}
	return nil
}

// out gives one record its position and gathers it. index counts the records of the window for each
// collector.
func (p *publisher) out(start int64, o core.Out, index map[string]uint64) error {
	n, ok := p.partitions[o.Topic]
	if !ok {
		return fmt.Errorf("a record for topic %q, to which detect does not publish", o.Topic)
	}
	collector := p.collector(o.Record)
	index[collector]++
	i := index[collector]
	if i >= 1<<indexBits {
		return fmt.Errorf("window %d has more than %d records", start, 1<<indexBits-1)
	}
	pos := &pb.Position{
		Collector: collector, Lane: string(bgp.LaneOut), Sequence: uint64(start/clock.Window)<<indexBits | i,
	}
	switch r := o.Record.(type) {
	case *pb.VisibilityRecord:
		r.Position = pos
	case *pb.PrefixRecord:
		r.Position = pos
	case *pb.PanelRecord:
		r.Position = pos
	case *pb.OutageRecord:
		r.Position = pos
	case *pb.FeedRecord:
		r.Position = pos
	default:
		return fmt.Errorf("a record of type %T, which detect does not publish", o.Record)
	}
	value, err := o.Record.MarshalVT()
	if err != nil {
		return fmt.Errorf("encoding a record of %s: %w", o.Topic, err)
	}
	rec := &kgo.Record{
		Topic: p.cfg.Topic(o.Topic), Partition: kafka.PartitionOf(string(o.Key), n), Key: o.Key, Value: value,
	}
	if size := len(rec.Key) + len(rec.Value); size > kafka.MaxRecordBytes {
		p.deadLetter(rec, fmt.Errorf("record of %d octets is above %d", size, kafka.MaxRecordBytes))
		return nil
	}
	p.pending = append(p.pending, rec)
	if r, ok := o.Record.(*pb.OutageRecord); ok {
		p.pending = append(p.pending, p.outageJSON(o.Key, r))
	}
	return nil
}

// outageJSON returns the record of bgp.outages.json.v1 that accompanies a record of bgp.outages.v1.
// Apart from its headers it is the shorter of the two.
func (p *publisher) outageJSON(key []byte, r *pb.OutageRecord) *kgo.Record {
	const topic = schemas.TopicOutagesJSON
	return &kgo.Record{
		Topic: p.cfg.Topic(topic), Partition: kafka.PartitionOf(string(key), p.partitions[topic]),
		Key: key, Value: r.GetJson(),
		Headers: []kgo.RecordHeader{
			{Key: schemas.HeaderContentType, Value: []byte(schemas.ContentTypeJSON)},
			{Key: schemas.HeaderDataset, Value: []byte(r.GetDataset())},
			{Key: schemas.HeaderEvent, Value: []byte(r.GetEvent())},
			{Key: schemas.HeaderState, Value: []byte(r.GetState())},
			{Key: schemas.HeaderSequence, Value: strconv.AppendUint(nil, uint64(r.GetSequence()), 10)},
		},
	}
}

// collector returns the collector of a record that detect publishes: detect/<family>, or detect if
// the record belongs to no family and the detector decides on both.
func (p *publisher) collector(r core.Record) string {
	f, ok := r.(interface{ GetFamily() pb.Family })
	if p.families.Group() == Name && (!ok || f.GetFamily() == pb.Family_FAMILY_UNSPECIFIED) {
		return Name
	}
	return Name + "/" + familyOf(r, p.families).String()
}

// familyOf returns the family of a record, or the detector's first family if the record has none.
func familyOf(r core.Record, of core.Families) bgp.Family {
	if x, ok := r.(interface{ GetFamily() pb.Family }); ok {
		if f, err := codec.ParseFamily(x.GetFamily()); err == nil {
			return f
		}
	}
	if x, ok := r.(*pb.FeedRecord); ok && x.GetCollector() == Name+"/"+bgp.IPv6.String() {
		return bgp.IPv6
	}
	if of.Has(bgp.IPv4) {
		return bgp.IPv4
	}
	return bgp.IPv6
}

// leads reports whether the dead letters of a window's records are the detector's to publish.
func (p *publisher) leads(start int64) bool { return p.families.Leads() && start > p.before[0] }

func (p *publisher) deadLetter(rec *kgo.Record, reason error) {
	p.pending = append(p.pending, kafka.DeadLetter(p.cfg, Name, rec, reason.Error()))
}

// take returns the records to publish and the last window closed. The publisher keeps none of the
// records.
func (p *publisher) take() ([]*kgo.Record, int64) {
	recs := p.pending
	p.pending = nil
	return recs, p.last
}

// published counts the records and windows that were committed.
func (p *publisher) published(recs []*kgo.Record) {
	prefix := len(p.cfg.Topic(""))
	for _, r := range recs {
		p.m.out[r.Topic[prefix:]].Inc()
	}
	p.m.windows.Add(float64(p.windows))
	p.windows = 0
}
