package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

const (
	// damagedRecords is the number of records in each topic of a damagedLog, damagedGroup the
	// number of each write.
	damagedRecords = 600
	damagedGroup   = 10
)

// written is a record of a damagedLog.
type written struct {
	offset    int64
	committed bool
}

// damagedLog is the folder of a broker with records in every topic, in several segments, and a list
// of these records.
type damagedLog struct {
	closed, killed string // folders of a closed broker and of a killed one
	records        map[string][]written
	ends           map[string]int64
}

// newDamagedLog fills a broker: bgp.routes and bgp.outages in transactions, some of them aborted;
// the other topics without transactions.
func newDamagedLog(t *testing.T) *damagedLog {
	t.Helper()
	w := &damagedLog{closed: filepath.Join(t.TempDir(), "closed"), killed: filepath.Join(t.TempDir(), "killed"), records: map[string][]written{}, ends: map[string]int64{}}
	b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{Dir: w.closed})
	if err != nil {
		t.Fatal(err)
	}
	cfg := b.Use(kafka.DefaultConfig())
	cfg.Partitions = 1
	if _, err := kafka.Apply(t.Context(), cfg, kafkatest.Log(), onePartition()); err != nil {
		t.Fatal(err)
	}
	adm, err := kafka.NewAdmin(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range schemas.Topics {
		small := "20000"
		if _, err := adm.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: "segment.bytes", Value: &small}}, topic.Name); err != nil {
			t.Fatal(err)
		}
		w.fill(t, cfg, topic.Name)
		end := w.records[topic.Name][damagedRecords-1].offset + 2 // a marker follows
		if !transactional(topic.Name) {
			end--
		}
		w.ends[topic.Name] = end
		var offsets kadm.Offsets
		offsets.Add(kadm.Offset{Topic: topic.Name, At: end, LeaderEpoch: -1})
		if err := adm.CommitAllOffsets(t.Context(), cfg.Group("reader"), offsets); err != nil {
			t.Fatal(err)
		}
	}
	adm.Close()
	if err := os.CopyFS(w.killed, os.DirFS(w.closed)); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

// onePartition is the registry with one partition per topic.
func onePartition() []schemas.Topic {
	topics := slices.Clone(schemas.Topics)
	for i := range topics {
		topics[i].Partitions = 1
	}
	return topics
}

func transactional(topic string) bool {
	return topic == schemas.TopicRoutes || topic == schemas.TopicOutages
}

// fill produces the records of a topic. Their values are their numbers.
func (w *damagedLog) fill(t *testing.T, cfg kafka.Config, topic string) {
	t.Helper()
	opts := []kgo.Opt{kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner())}
	if transactional(topic) {
		opts = append(opts, kgo.TransactionalID(topic))
	}
	cl, err := kafka.NewClient(cfg, kafkatest.Log(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for n := 0; n < damagedRecords; n += damagedGroup {
		commit := !transactional(topic) || n/damagedGroup%7 != 3
		var recs []*kgo.Record
		for i := range damagedGroup {
			value := []byte(fmt.Sprintf("%d %s", n+i, strings.Repeat("x", 200)))
			recs = append(recs, &kgo.Record{Key: []byte(strconv.Itoa(n + i)), Value: value})
		}
		if transactional(topic) {
			if err := cl.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
		}
		if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if transactional(topic) {
			if err := cl.EndTransaction(t.Context(), kgo.TransactionEndTry(commit)); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range recs {
			w.records[topic] = append(w.records[topic], written{r.Offset, commit})
		}
	}
}

// found is the content of a topic.
type found struct {
	numbers map[int]bool
	lost    []kafka.Lost
	begin   int64
	end     int64
}

// look reads a topic to its end and checks the offset of each record.
func (w *damagedLog) look(t *testing.T, cfg kafka.Config, topic string) found {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	adm, err := kafka.NewAdmin(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	ends, err := adm.ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	f := found{numbers: map[int]bool{}, end: ends[topic][0].Offset}
	cl, err := kafka.NewClient(cfg, kafkatest.Log(), kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	starts, err := adm.ListStartOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	last := int64(-1)
	f.begin = starts[topic][0].Offset
	for next := f.begin; next < f.end; {
		fetches := cl.PollFetches(ctx)
		if err := errors.Join(ctx.Err(), cfg.FetchErr(fetches)); err != nil {
			t.Fatalf("%s: reading at %d of %d: %v", topic, next, f.end, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset <= last {
				t.Errorf("%s: offset %d comes after %d", topic, r.Offset, last)
			}
			last, next = r.Offset, r.Offset+1
			if l, ok := kafka.ParseLost(r); ok {
				f.lost = append(f.lost, l)
			}
			if r.Attrs.IsControl() {
				return
			}
			text, _, _ := strings.Cut(string(r.Value), " ")
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatalf("%s: a record that nobody wrote: %q", topic, r.Value)
			}
			f.numbers[n] = true
			if n < damagedRecords && w.records[topic][n].offset != r.Offset {
				t.Errorf("%s: record %d stands at %d, want %d", topic, n, r.Offset, w.records[topic][n].offset)
			}
		})
		if aborted := w.abortedAt(topic, next); aborted > next {
			next = max(next, aborted)
		}
	}
	return f
}

// abortedAt returns the end of the aborted transaction at an offset. Its records are not read, and
// its marker may not be.
func (w *damagedLog) abortedAt(topic string, at int64) int64 {
	for _, r := range w.records[topic] {
		if !r.committed && r.offset == at {
			at++
		}
	}
	return at
}

// check reads every topic and compares it with the written records. Every missing record must be
// reported as lost. It returns the number of missing records.
func (w *damagedLog) check(t *testing.T, cfg kafka.Config) (missing int) {
	t.Helper()
	for _, topic := range schemas.Topics {
		f := w.look(t, cfg, topic.Name)
		unsaid := 0
		for n, r := range w.records[topic.Name] {
			named := slices.ContainsFunc(f.lost, func(l kafka.Lost) bool { return l.From <= r.offset && r.offset < l.To })
			switch {
			case f.numbers[n] && named:
				t.Errorf("%s: record %d is there and said to be lost", topic.Name, n)
			// Before f.begin the records exceeded the retention.
			case r.committed && !f.numbers[n] && !named && r.offset >= f.begin:
				if unsaid++; unsaid == 1 {
					t.Errorf("%s: record %d at %d is missing, and nothing says so: %+v", topic.Name, n, r.offset, f.lost)
				}
			case r.committed && !f.numbers[n]:
				missing++
			case !r.committed && f.numbers[n] && len(f.lost) == 0:
				t.Errorf("%s: record %d of an aborted transaction is read", topic.Name, n)
			}
		}
		if f.end < w.ends[topic.Name] {
			t.Errorf("%s: the log ends at %d, and went to %d", topic.Name, f.end, w.ends[topic.Name])
		}
	}
	return missing
}

// lines is a log that can be read while it is written.
func warnings(out *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// open starts a broker on a damaged copy, checks it, writes to it, and starts it again.
func (w *damagedLog) open(t *testing.T, dir string) (missing int, said string) {
	t.Helper()
	var out bytes.Buffer
	for i := range 2 {
		b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{Dir: dir, Log: warnings(&out)})
		if err != nil {
			t.Fatal(err)
		}
		cfg := b.Use(kafka.DefaultConfig())
		cfg.Partitions = 1
		if _, err := kafka.Apply(t.Context(), cfg, kafkatest.Log(), onePartition()); err != nil {
			t.Fatal(err)
		}
		n := w.check(t, cfg)
		if i == 0 {
			missing, said = n, out.String()
			out.Reset()
		} else if n != missing || out.Len() > 0 {
			t.Errorf("started again: %d records are missing, %d were; said %s", n, missing, &out)
		}
		p, err := kafka.NewProducer(t.Context(), cfg, schemas.TopicUpdates, kafkatest.Log(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(p.Produce(t.Context(), "ris/rrc00", []byte(strconv.Itoa(damagedRecords+i)+" new")), p.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
		p.Close()
		if f := w.look(t, cfg, schemas.TopicUpdates); !f.numbers[damagedRecords+i] {
			t.Errorf("the record that was written last is not there")
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return missing, said
}

// flip changes four octets of a file in place.
func flip(t *testing.T, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := at; i < min(at+4, len(b)); i++ {
		b[i] ^= 0x5a
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// segments returns the files of a topic's only partition, in order.
func segments(t *testing.T, dir, topic, suffix string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "partitions", topic+"-0", "*"+suffix))
	if err != nil || len(files) == 0 {
		t.Fatalf("no segments of %s: %v", topic, err)
	}
	slices.SortFunc(files, func(a, b string) int {
		x, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(a), suffix))
		y, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(b), suffix))
		return x - y
	})
	return files
}

// on holds the folder that a test damages.
type on struct {
	t   *testing.T
	dir string
}

// TestDamage: for any damage in its folder, the broker starts, keeps readable records, and reports
// lost ones: in the log with file and octets, in the partition with a control record in their
// place.
func TestDamage(t *testing.T) {
	t.Parallel()
	w := newDamagedLog(t)
	remove := func(t *testing.T, path string) {
		t.Helper()
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	cut := func(t *testing.T, path string, n int64) {
		t.Helper()
		if err := os.Truncate(path, n); err != nil {
			t.Fatal(err)
		}
	}
	type test struct {
		name   string
		damage func(x on)
		said   string // pattern; empty means no line
		lost   [2]int // at least and at most
	}
	tests := []test{{"nothing", func(on) {}, "", [2]int{}}}
	for _, topic := range schemas.Topics {
		if topic.Compacted {
			continue
		}
		tests = append(tests, test{"octets of " + topic.Name, func(x on) {
			flip(x.t, segments(x.t, x.dir, topic.Name, ".dat")[1], 5000)
		}, `WARN.*damaged.*topic=` + topic.Name + ` partition=0 file=\S+\.dat octets=\d+-\d+ offsets=\d+-\d+ after=\S+ before=`, [2]int{damagedGroup, damagedGroup}})
	}
	head := `WARN.*no checksum covers.*file=\S+\.dat batches=1`
	for _, topic := range []string{schemas.TopicUpdates, schemas.TopicRoutes} {
		for _, f := range []struct {
			name string
			at   int
		}{{"first offset", 4}, {"length", 8}, {"epoch", 12}, {"magic", 13}} {
			tests = append(tests, test{f.name + " of " + topic, func(x on) {
				flip(x.t, segments(x.t, x.dir, topic, ".dat")[1], f.at)
			}, head, [2]int{}})
		}
		of := func(i int, suffix string) func(*testing.T, string) string {
			return func(t *testing.T, dir string) string {
				t.Helper()
				s := segments(t, dir, topic, suffix)
				return s[(i+len(s))%len(s)]
			}
		}
		tests = append(tests,
			test{"last batch of " + topic, func(x on) {
				path := of(-1, ".dat")(x.t, x.dir)
				info, err := os.Stat(path)
				if err != nil {
					x.t.Fatal(err)
				}
				flip(x.t, path, int(info.Size())-10)
			}, `WARN.*damaged.*octets=`, [2]int{0, damagedGroup}},
			test{"last segment of " + topic + " cut", func(x on) { cut(x.t, of(-1, ".dat")(x.t, x.dir), 700) }, `WARN.*offsets=`, [2]int{1, 100}},
			test{"middle segment of " + topic + " cut", func(x on) { cut(x.t, of(2, ".dat")(x.t, x.dir), 9000) }, `WARN.*offsets=\d+-\d+ after=\S+ before=`, [2]int{1, 100}},
			test{"segment of " + topic + " empty", func(x on) { cut(x.t, of(2, ".dat")(x.t, x.dir), 0) }, `WARN.*missing.*offsets=`, [2]int{1, 100}},
			test{"first segment of " + topic + " removed", func(x on) { remove(x.t, of(0, ".dat")(x.t, x.dir)) }, `WARN.*missing.*offsets=|^$`, [2]int{0, 100}},
			test{"middle segment of " + topic + " removed", func(x on) { remove(x.t, of(2, ".dat")(x.t, x.dir)) }, `WARN.*missing.*file=\S+\.dat offsets=\d+-\d+ after=\S+ before=`, [2]int{1, 100}},
			test{"last segment of " + topic + " removed", func(x on) { remove(x.t, of(-1, ".dat")(x.t, x.dir)) }, `WARN.*missing.*offsets=`, [2]int{1, 100}},
			test{"partition of " + topic + " removed", func(x on) { remove(x.t, filepath.Dir(of(0, ".dat")(x.t, x.dir))) }, `WARN.*missing.*offsets=`, [2]int{1, damagedRecords}},
			test{"index of " + topic, func(x on) { flip(x.t, of(1, ".idx")(x.t, x.dir), 31) }, `INFO.*index.*file=\S+\.idx`, [2]int{}},
			test{"index of " + topic + " cut", func(x on) { cut(x.t, of(1, ".idx")(x.t, x.dir), 22) }, `INFO.*index.*file=\S+\.idx`, [2]int{}},
			test{"index of " + topic + " removed", func(x on) { remove(x.t, of(1, ".idx")(x.t, x.dir)) }, `INFO.*index.*file=\S+\.idx`, [2]int{}},
			test{"snapshot of " + topic, func(x on) {
				path := filepath.Join(x.dir, "partitions", topic+"-0", "snapshot.json")
				if b, err := os.ReadFile(path); err == nil {
					b = regexp.MustCompile(`"high_watermark":\d`).ReplaceAll(b, []byte(`"high_watermark":1`))
					if err := os.WriteFile(path, b, 0o600); err != nil {
						x.t.Fatal(err)
					}
				}
			}, `WARN.*snapshot.*nothing is lost|^$`, [2]int{}})
	}
	for _, name := range []string{"meta.json", "topics.json", "groups.log", "pids.log", "seq_windows.json", "session_state.json"} {
		said := `(?s)WARN.*file=\S+` + regexp.QuoteMeta(name) + `|^$`
		tests = append(tests,
			test{name, func(x on) {
				if _, err := os.Stat(filepath.Join(x.dir, name)); err == nil {
					flip(x.t, filepath.Join(x.dir, name), 12)
				}
			}, said, [2]int{}},
			test{name + " removed", func(x on) { remove(x.t, filepath.Join(x.dir, name)) }, said, [2]int{}})
	}
	for _, from := range []struct{ name, dir string }{{"closed", w.closed}, {"killed", w.killed}} {
		for _, tt := range tests {
			t.Run(from.name+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(t.TempDir(), "kafka")
				if err := os.CopyFS(dir, os.DirFS(from.dir)); err != nil {
					t.Fatal(err)
				}
				tt.damage(on{t, dir})
				missing, said := w.open(t, dir)
				t.Logf("%d of %d records are lost", missing, damagedRecords)
				if missing < tt.lost[0] || missing > tt.lost[1] {
					t.Errorf("%d records are lost, want %d to %d", missing, tt.lost[0], tt.lost[1])
				}
				if tt.said == "" && said != "" || !regexp.MustCompile(tt.said).MatchString(said) {
					t.Errorf("said %q, want %q", said, tt.said)
				}
			})
		}
	}
}

// TestDamageAtRandom damages files at random places. The name of a run is its seed.
func TestDamageAtRandom(t *testing.T) {
	t.Parallel()
	w := newDamagedLog(t)
	rounds := 30
	if testing.Short() {
		rounds = 5
	}
	for seed := range uint64(rounds) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 9))
			dir := filepath.Join(t.TempDir(), "kafka")
			from := w.closed
			if r.IntN(2) == 0 {
				from = w.killed
			}
			if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
			var files []string
			_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, _ error) error {
				if !d.IsDir() && !ofCompacted(path) {
					files = append(files, path)
				}
				return nil
			})
			for range 1 + r.IntN(8) {
				path := files[r.IntN(len(files))]
				info, err := os.Stat(path)
				if err != nil || info.Size() == 0 {
					continue
				}
				at := r.Int64N(info.Size())
				switch r.IntN(4) {
				case 0:
					err = os.Truncate(path, at)
				case 1:
					err = os.Remove(path)
				default:
					flip(t, path, int(at))
				}
				t.Logf("damaged %s at %d", path, at)
				if err != nil {
					t.Fatal(err)
				}
			}
			missing, said := w.open(t, dir)
			t.Logf("%d records are lost: %s", missing, said)
		})
	}
}

// ofCompacted reports whether a file belongs to a compacted topic, whose missing records may have
// been compacted.
func ofCompacted(path string) bool {
	return slices.ContainsFunc(schemas.Topics, func(t schemas.Topic) bool { return t.Compacted && strings.Contains(path, t.Name) })
}
