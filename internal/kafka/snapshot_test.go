package kafka_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// life is the remainder of a broker's run.
type life struct {
	killed string // copy of its folder as a kill leaves it
	said   string
	end    int64 // of bgp.updates
}

// run starts a broker on dir, uses it, copies its folder, and closes it.
func run(t *testing.T, dir string, use func(t *testing.T, b *kafka.Broker, cfg kafka.Config, adm *kadm.Client)) life {
	t.Helper()
	var out bytes.Buffer
	b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{Dir: dir, Log: warnings(&out)})
	if err != nil {
		t.Fatal(err)
	}
	cfg := b.Use(kafka.DefaultConfig())
	cfg.Partitions = 1
	adm, err := kafka.NewAdmin(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	use(t, b, cfg, adm)
	ends, err := adm.ListEndOffsets(t.Context(), schemas.TopicUpdates)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	adm.Close()
	killed := filepath.Join(t.TempDir(), "killed")
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return life{killed, out.String(), ends[schemas.TopicUpdates][0].Offset}
}

// drop removes the records of bgp.updates below an offset, as retention does. -1 is all.
func drop(t *testing.T, adm *kadm.Client, at int64) {
	t.Helper()
	got, err := adm.DeleteRecords(t.Context(), kadm.Offsets{schemas.TopicUpdates: {0: {Topic: schemas.TopicUpdates, At: at}}})
	if err == nil {
		err = got.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// expire applies retention until bgp.updates is empty. Its records must be some milliseconds old.
func expire(t *testing.T, b *kafka.Broker, adm *kadm.Client) {
	t.Helper()
	for {
		b.Cluster().ApplyRetention()
		starts, err1 := adm.ListStartOffsets(t.Context(), schemas.TopicUpdates)
		ends, err2 := adm.ListEndOffsets(t.Context(), schemas.TopicUpdates)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if starts[schemas.TopicUpdates][0].Offset == ends[schemas.TopicUpdates][0].Offset {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// copied returns a copy of a folder.
func copied(t *testing.T, from string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "kafka")
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// removeLog removes the segments of bgp.updates and their indexes.
func removeLog(t *testing.T, dir string) {
	t.Helper()
	for _, path := range append(segments(t, dir, schemas.TopicUpdates, ".dat"), segments(t, dir, schemas.TopicUpdates, ".idx")...) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRetentionIsNoLoss: records that exceeded the retention are not reported as lost, whether the
// broker was closed or killed, and no offset is used twice. Records that are missing for other
// reasons are reported as lost.
func TestRetentionIsNoLoss(t *testing.T) {
	t.Parallel()
	w := newDamagedLog(t)
	nothing := func(*testing.T, *kafka.Broker, kafka.Config, *kadm.Client) {}
	dropAll := func(t *testing.T, _ *kafka.Broker, _ kafka.Config, adm *kadm.Client) {
		t.Helper()
		drop(t, adm, -1)
	}
	const empty, lost = `^\S+ level=INFO msg="a partition .* too old.*topic=bgp.updates\S* .*\n$`, `WARN.*missing.*topic=bgp.updates`
	for _, tt := range []struct {
		name string
		// made returns the folder to open, and the end of bgp.updates.
		made func(t *testing.T, dir string) (string, int64)
		said string
	}{
		{"first segments dropped, then killed", func(t *testing.T, dir string) (string, int64) {
			t.Helper()
			l := run(t, dir, func(t *testing.T, _ *kafka.Broker, cfg kafka.Config, adm *kadm.Client) {
				t.Helper()
				second, _ := strconv.ParseInt(strings.TrimSuffix(filepath.Base(segments(t, dir, schemas.TopicUpdates, ".dat")[2]), ".dat"), 10, 64)
				drop(t, adm, second)
				produce(t, cfg, "ris/rrc00", 0, 10)
			})
			return l.killed, l.end
		}, `^$`},
		{"all dropped, then closed", func(t *testing.T, dir string) (string, int64) {
			t.Helper()
			return dir, run(t, dir, dropAll).end
		}, empty},
		{"all dropped, closed, then killed", func(t *testing.T, dir string) (string, int64) {
			t.Helper()
			run(t, dir, dropAll)
			l := run(t, dir, dropAll) // also the control record for those that were dropped
			return l.killed, l.end
		}, empty},
		{"all too old, then killed", func(t *testing.T, dir string) (string, int64) {
			t.Helper()
			one := "1"
			run(t, dir, func(t *testing.T, _ *kafka.Broker, _ kafka.Config, adm *kadm.Client) {
				t.Helper()
				if _, err := adm.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: "retention.ms", Value: &one}}, schemas.TopicUpdates); err != nil {
					t.Fatal(err)
				}
			})
			l := run(t, dir, func(t *testing.T, b *kafka.Broker, _ kafka.Config, adm *kadm.Client) {
				t.Helper()
				expire(t, b, adm)
			})
			return l.killed, l.end
		}, empty},
		{"all written and read since the start, too old, then killed", func(t *testing.T, dir string) (string, int64) {
			t.Helper()
			l := run(t, dir, func(t *testing.T, b *kafka.Broker, cfg kafka.Config, adm *kadm.Client) {
				t.Helper()
				produce(t, cfg, "ris/rrc00", 0, 10)
				var offsets kadm.Offsets
				offsets.Add(kadm.Offset{Topic: schemas.TopicUpdates, At: w.ends[schemas.TopicUpdates] + 10, LeaderEpoch: -1})
				one := "1"
				_, err := adm.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: "retention.ms", Value: &one}}, schemas.TopicUpdates)
				if err := errors.Join(err, adm.CommitAllOffsets(t.Context(), cfg.Group("reader"), offsets)); err != nil {
					t.Fatal(err)
				}
				expire(t, b, adm)
			})
			return l.killed, l.end
		}, empty},
		{"removed from a closed folder", func(t *testing.T, dir string) (string, int64) {
			t.Helper()
			removeLog(t, dir)
			return dir, w.ends[schemas.TopicUpdates]
		}, lost},
		{"removed from a killed folder", func(t *testing.T, dir string) (string, int64) {
			t.Helper()
			l := run(t, dir, nothing)
			removeLog(t, l.killed)
			return l.killed, l.end
		}, lost},
		{"end removed from a killed folder, of which nobody had read", func(t *testing.T, dir string) (string, int64) {
			t.Helper()
			run(t, dir, func(t *testing.T, _ *kafka.Broker, cfg kafka.Config, _ *kadm.Client) {
				t.Helper()
				produce(t, cfg, "ris/rrc00", 0, 10)
			})
			l := run(t, dir, nothing)
			last := segments(t, l.killed, schemas.TopicUpdates, ".dat")
			for _, path := range []string{last[len(last)-1], strings.TrimSuffix(last[len(last)-1], ".dat") + ".idx"} {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			return l.killed, l.end
		}, lost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, end := tt.made(t, copied(t, w.closed))
			l := run(t, dir, nothing)
			if !regexp.MustCompile(tt.said).MatchString(l.said) {
				t.Errorf("said %q, want %q", l.said, tt.said)
			}
			if l.end != end {
				t.Errorf("the log ends at %d, and went to %d", l.end, end)
			}
			if l := run(t, dir, nothing); l.said != "" || l.end != end {
				t.Errorf("started again: said %q, ends at %d", l.said, l.end)
			}
		})
	}
}

// files returns the files of a topic's partition and their content.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	dir = filepath.Join(dir, "partitions", schemas.TopicUpdates+"-0")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		name := e.Name()
		if name == "snapshot.json" { // renamed last, or after the broker has read it
			name = "snapshot.earlier"
		}
		out[name] = string(b)
	}
	return out
}

// TestMendingEndsEarly: if the process ends during the repair of a log, the next start repairs it
// with the same result. The files are written in one order, so any number of them may exist.
func TestMendingEndsEarly(t *testing.T) {
	t.Parallel()
	w := newDamagedLog(t)
	name := filepath.Base
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, dir string) []string // returns the written files, in order
	}{
		{"two batches of the last segment", func(t *testing.T, dir string) []string {
			t.Helper()
			dat, idx := segments(t, dir, schemas.TopicUpdates, ".dat"), segments(t, dir, schemas.TopicUpdates, ".idx")
			flip(t, dat[len(dat)-1], 1000)
			flip(t, dat[len(dat)-1], 4000)
			return []string{name(idx[len(idx)-1]), name(dat[len(dat)-1])}
		}},
		{"first segment removed", func(t *testing.T, dir string) []string {
			t.Helper()
			dat, idx := segments(t, dir, schemas.TopicUpdates, ".dat"), segments(t, dir, schemas.TopicUpdates, ".idx")
			if err := os.Remove(dat[0]); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(idx[0]); err != nil {
				t.Fatal(err)
			}
			return []string{name(idx[0]), name(dat[0])}
		}},
		{"end of the last segment, of which only the snapshot knows", func(t *testing.T, dir string) []string {
			t.Helper()
			dat, idx := segments(t, dir, schemas.TopicUpdates, ".dat"), segments(t, dir, schemas.TopicUpdates, ".idx")
			if err := os.Truncate(dat[len(dat)-1], 700); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(dir, "groups.log")); err != nil {
				t.Fatal(err)
			}
			return []string{name(idx[len(idx)-1]), name(dat[len(dat)-1])}
		}},
	} {
		for _, from := range []struct{ name, dir string }{{"closed", w.closed}, {"killed", w.killed}} {
			if from.name == "killed" && !strings.HasPrefix(tt.name, "two") {
				continue // only the snapshot knows of it
			}
			t.Run(from.name+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				damaged := copied(t, from.dir)
				order := tt.damage(t, damaged)
				whole := copied(t, damaged)
				if err := kafka.CheckFolder(t.Context(), whole, kafkatest.Log()); err != nil {
					t.Fatal(err)
				}
				want := files(t, whole)
				for n := range len(order) + 1 {
					dir := copied(t, damaged)
					for _, f := range order[:n] {
						if err := os.WriteFile(filepath.Join(dir, "partitions", schemas.TopicUpdates+"-0", f), []byte(want[f]), 0o600); err != nil {
							t.Fatal(err)
						}
					}
					if err := kafka.CheckFolder(t.Context(), dir, kafkatest.Log()); err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(want, files(t, dir)); diff != "" {
						t.Errorf("after %d files: got %s", n, diff)
					}
				}
				var last int64
				for _, f := range order {
					info, err := os.Stat(filepath.Join(whole, "partitions", schemas.TopicUpdates+"-0", f))
					if err != nil {
						t.Fatal(err)
					}
					if info.ModTime().UnixNano() < last {
						t.Errorf("%s was written before the others", f)
					}
					last = info.ModTime().UnixNano()
				}
			})
		}
	}
}

// TestFolderOfAnyName: the name of the data's folder may look like a pattern.
func TestFolderOfAnyName(t *testing.T) {
	t.Parallel()
	w := newDamagedLog(t)
	dir := filepath.Join(t.TempDir(), "a[b", "*?\\", "kafka")
	if err := os.CopyFS(dir, os.DirFS(w.closed)); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "partitions", schemas.TopicUpdates+"-0", "0.dat.tmp")
	if err := os.WriteFile(left, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if missing, said := w.open(t, dir); missing > 0 || said != "" {
		t.Errorf("%d records are missing; said %s", missing, said)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("an unfinished file is there: %v", err)
	}
}
