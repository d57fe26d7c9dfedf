package deadletter_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/deadletter"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// letters writes dead letters of each kind, in the order of their offsets.
func letters(t *testing.T, cfg kafka.Config) (box deadletter.Box, updates []*kgo.Record) {
	t.Helper()
	box = deadletter.Box{Kafka: cfg, Log: kafkatest.Log()}
	message := update(t)
	topic := cfg.Topic(schemas.TopicUpdates)
	at := func(partition int32, offset int64, value []byte) *kgo.Record {
		return &kgo.Record{Topic: topic, Partition: partition, Offset: offset, Key: []byte("ris/rrc00"), Value: value}
	}
	updates = []*kgo.Record{at(2, 10, message), at(1, 11, []byte("\xff\xff no protobuf")), at(7, 12, message)}
	long := at(0, 13, make([]byte, kafka.MaxRecordBytes))
	outside := &kgo.Record{Topic: "updates.20260101.0000.gz", Offset: 99, Key: []byte("ris/rrc01"), Value: []byte("text \x1b]0;evil\a\n")}
	write(t, cfg,
		kafka.DeadLetter(cfg, "enrich", updates[0], "decoding message 17: \x1b[31mbad"),
		kafka.DeadLetter(cfg, "enrich", updates[1], "decoding message 18: \x1b[31mbad"),
		kafka.DeadLetter(cfg, "enrich", updates[2], "other"),
		kafka.DeadLetter(cfg, "enrich", long, "too long"),
		kafka.DeadLetter(cfg, "ingest", outside, "mrt: truncated"),
		&kgo.Record{Topic: cfg.Topic(schemas.TopicDeadLetter), Value: []byte("no headers")})
	return box, updates
}

// update returns an UpdateRecord with a BGP message.
func update(t *testing.T) []byte {
	t.Helper()
	raw, err := wire.AppendUpdate(nil, wire.PlainUpdate{Withdrawn: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := (&pb.UpdateRecord{TimestampUs: 5, Body: &pb.UpdateRecord_BgpMessage{BgpMessage: &pb.BGPMessage{Raw: raw, AsOctets: 4}}}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, cfg kafka.Config, recs ...*kgo.Record) {
	t.Helper()
	cl, err := kafka.NewClient(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for _, r := range recs {
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func ids(t *testing.T, names ...string) deadletter.Filter {
	t.Helper()
	f := deadletter.Filter{IDs: map[deadletter.ID]bool{}}
	for _, n := range names {
		id, err := deadletter.ParseID(n)
		if err != nil {
			t.Fatal(err)
		}
		f.IDs[id] = true
	}
	return f
}

func TestList(t *testing.T) {
	t.Parallel()
	box, _ := letters(t, kafkatest.New(t, 3))
	for _, tt := range []struct {
		filter deadletter.Filter
		want   []int // counts of groups
	}{
		{deadletter.Filter{}, []int{2, 1, 1, 1, 1}},
		{deadletter.Filter{Stage: "enrich"}, []int{2, 1, 1}},
		{deadletter.Filter{Reason: "DECODING"}, []int{2}},
		{deadletter.Filter{Collector: "ris/rrc01"}, []int{1}},
		{deadletter.Filter{Topic: schemas.TopicUpdates}, []int{2, 1, 1}},
		{deadletter.Filter{Stage: "detect"}, nil},
		{ids(t, "1", "4"), []int{1, 1}},
	} {
		l, err := box.List(t.Context(), tt.filter, 2)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		sum := 0
		for _, g := range l.Groups {
			got = append(got, g.Count)
			sum += g.Count
		}
		if !slices.Equal(got, tt.want) || l.Letters != sum || len(l.Each) != min(2, sum) {
			t.Errorf("%+v: got groups %v of %d letters and %d of them, want %v", tt.filter, got, l.Letters, len(l.Each), tt.want)
		}
		text := strings.Join(slices.Concat(l.Lines(0), l.EachLines(0)), "\n")
		if strings.ContainsAny(text, "\x1b\a") {
			t.Errorf("%+v: %q has control characters", tt.filter, text)
		}
	}
}

// TestBounds checks that values from outside do not make a list long.
func TestBounds(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 1)
	cl, err := kafka.NewClient(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	const n = 600
	for i := range n {
		rec := &kgo.Record{Topic: "file", Key: fmt.Appendf(nil, "c/%d", i)}
		cl.Produce(t.Context(), kafka.DeadLetter(cfg, "ingest", rec, strings.Repeat("x", 1000)), nil)
	}
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	l, err := deadletter.Box{Kafka: cfg, Log: kafkatest.Log()}.List(t.Context(), deadletter.Filter{}, 0)
	if err != nil || len(l.Groups) != 500 || l.Further != n-500 || l.Letters != n || len(l.Groups[0].Reason) != 200 {
		t.Errorf("got %d groups, %d further, %d letters, %v; want 500, %d, %d", len(l.Groups), l.Further, l.Letters, err, n-500, n)
	}
	if text := strings.Join(l.Lines(0), "\n"); !strings.Contains(text, "and 100 dead letters of further groups") {
		t.Errorf("the table does not name the further groups: %s", text[len(text)-200:])
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	box, _ := letters(t, kafkatest.New(t, 3))
	for id, want := range map[int64][]string{
		0: {"partition 2, offset 10", `\x1b[31mbad`, "UpdateRecord:", `"timestampUs"`, "BGP message: type 2", "withdrawn: 1 prefix: 192.0.2.0/24", "sent back    no"},
		1: {"no UpdateRecord: ", "ff ff 20 6e 6f"},
		3: {"truncated", "--all shows them", "not possible: its value was cut"},
		4: {"collector    ris/rrc01", `text \x1b]0;evil\x07`, "no topic of this dataset"},
		5: {"a topic that is not known"},
	} {
		one, err := box.Show(t.Context(), deadletter.ID{Offset: id})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(one.Lines(false), "\n")
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%d: %q is missing in\n%s", id, w, text[:min(len(text), 3000)])
			}
		}
		if strings.ContainsAny(text, "\x1b\a") {
			t.Errorf("%d: %q has control characters", id, text)
		}
		if b, err := json.Marshal(one); err != nil || !json.Valid(b) {
			t.Errorf("%d: %v", id, err)
		}
	}
	for _, id := range []deadletter.ID{{Offset: 1000}, {Partition: 5}} {
		if _, err := box.Show(t.Context(), id); !errors.Is(err, deadletter.ErrNotFound) {
			t.Errorf("%v: got %v, want ErrNotFound", id, err)
		}
	}
}

func TestRequeue(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 3)
	box, updates := letters(t, cfg)
	ctx := t.Context()
	plan, err := box.Plan(ctx, deadletter.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if plan.Total() != 2 || plan.Back[updates[0].Topic] != 2 || len(plan.Not) != 4 {
		t.Errorf("got %q; want two letters, and four reasons why others are not", plan.Lines())
	}
	other, err := box.Plan(ctx, ids(t, "0", "1", "77"))
	if err != nil || other.Total() != 2 || len(other.Not) != 1 {
		t.Errorf("by name: got %q, %v", other.Lines(), err)
	}
	sent, not, err := box.Requeue(ctx, plan)
	if err != nil || sent[updates[0].Topic] != 2 || len(not.Not) != 0 {
		t.Errorf("got %v, %q, %v; want two sent back", sent, not.NotLines(), err)
	}
	// Another process made its plan earlier. It sends no letter a second time.
	sent, not, err = box.Requeue(ctx, other)
	if err != nil || len(sent) != 0 || len(not.Not) != 1 {
		t.Errorf("the second time: got %v, %q, %v; want nothing", sent, not.NotLines(), err)
	}
	again, err := box.Plan(ctx, deadletter.Filter{})
	if err != nil || again.Total() != 0 || !strings.Contains(strings.Join(again.Lines(), "\n"), "it was sent back before") {
		t.Errorf("planned again: got %q, %v", again.Lines(), err)
	}
	got := kafkatest.Read(t, cfg, schemas.TopicUpdates)
	slices.SortFunc(got, func(a, b *kgo.Record) int { return int(b.Partition - a.Partition) })
	if len(got) != 2 {
		t.Fatalf("got %d records, want 2", len(got))
	}
	for i, rec := range got {
		if w := updates[i]; string(rec.Value) != string(w.Value) || string(rec.Key) != string(w.Key) || rec.Partition != w.Partition || len(rec.Headers) != 0 {
			t.Errorf("got %q in partition %d, want %q in %d", rec.Value, rec.Partition, w.Value, w.Partition)
		}
	}
	list, err := box.List(ctx, deadletter.Filter{}, 10)
	if err != nil || list.Letters != 6 || list.Groups[0].SentBack != 2 || list.Each[0].SentBack.IsZero() || !list.Each[2].SentBack.IsZero() {
		t.Errorf("listed afterwards: got %+v, %v", list.Groups, err)
	}
	if one, err := box.Show(ctx, deadletter.ID{}); err != nil || one.SentBack.IsZero() {
		t.Errorf("shown afterwards: got %v, %v", one.SentBack, err)
	}
}

// TestRequeueTogether checks that two processes that send the same letters at the same time send
// each letter once.
func TestRequeueTogether(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 3)
	box, _ := letters(t, cfg)
	plan, err := box.Plan(t.Context(), deadletter.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan int, 2)
	for range 2 {
		go func() { // ends with the call, whose result is read below
			sent, _, err := box.Requeue(t.Context(), plan)
			if err != nil { // the other process has ended it
				sent = nil
			}
			results <- sent[cfg.Topic(schemas.TopicUpdates)]
		}()
	}
	if total := <-results + <-results; total != 2 {
		t.Errorf("%d letters were sent back, want 2", total)
	}
	if got := kafkatest.Read(t, cfg, schemas.TopicUpdates); len(got) != 2 {
		t.Errorf("got %d records, want 2", len(got))
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"0", "17", "3:5"} {
		if id, err := deadletter.ParseID(s); err != nil || id.String() != s {
			t.Errorf("%s: got %v, %v", s, id, err)
		}
	}
	for _, s := range []string{"", "-1", "x", "1:", ":1", "1:2:3", "99999999999:1"} {
		if id, err := deadletter.ParseID(s); err == nil {
			t.Errorf("%q: got %v, want an error", s, id)
		}
	}
}
