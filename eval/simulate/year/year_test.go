package year

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// small returns the Config of a year that takes a second.
func small(seed uint64) Config {
	until := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return Config{Dataset: "year", Until: until, Days: 365, Scale: 0.001, Seed: seed, Appended: until}
}

func newYear(t testing.TB, c Config) *Year {
	t.Helper()
	y, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// digest returns a hash of all records of a year, and their number by topic.
func digest(t *testing.T, y *Year) (sum [32]byte, counts map[string]int) {
	t.Helper()
	h, counts := sha256.New(), map[string]int{}
	for _, s := range y.Streams() {
		offset := int64(0)
		for rec, err := range s.Records {
			if err != nil {
				t.Fatal(err)
			}
			if rec.Offset != offset+1 || rec.Topic != s.Topic {
				t.Fatalf("%s: offset %d of %s after %d", s.Topic, rec.Offset, rec.Topic, offset)
			}
			offset = rec.Offset
			counts[s.Dataset+" "+s.Topic]++
			h.Write(rec.Value)
		}
	}
	return [32]byte(h.Sum(nil)), counts
}

// TestRepeatable checks that a Config makes the same octets twice, and that another seed makes
// others.
func TestRepeatable(t *testing.T) {
	t.Parallel()
	first, counts := digest(t, newYear(t, small(1)))
	second, _ := digest(t, newYear(t, small(1)))
	other, _ := digest(t, newYear(t, small(2)))
	if first != second {
		t.Error("the same Config made different records")
	}
	if first == other {
		t.Error("another seed made the same records")
	}
	for _, topic := range []string{schemas.TopicVisibility, schemas.TopicRoutes, schemas.TopicPrefixes, schemas.TopicOutages, schemas.TopicPanel, schemas.TopicFeeds} {
		if counts["year "+topic] == 0 {
			t.Errorf("no record of %s", topic)
		}
	}
	if n, all := counts["year-replay "+schemas.TopicOutages], counts["year "+schemas.TopicOutages]; n == 0 || n > all/3 {
		t.Errorf("the replay has %d records of outages, and the year %d", n, all)
	}
}

// TestOutagesAreValid checks that every object follows the schema, that ids are unique, and that
// the records of an outage are numbered from 1.
func TestOutagesAreValid(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../../schemas/outage.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("outage", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("outage")
	if err != nil {
		t.Fatal(err)
	}
	sequences, positions := map[string]uint32{}, map[uint64]bool{}
	y := newYear(t, small(1))
	for rec, err := range y.outageRecords("year", y.begin, func(int) bool { return false }) {
		if err != nil {
			t.Fatal(err)
		}
		var r pb.OutageRecord
		if err := r.UnmarshalVT(rec.Value); err != nil {
			t.Fatal(err)
		}
		var object any
		if err := json.Unmarshal(r.GetJson(), &object); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(object); err != nil {
			t.Fatalf("%s: %v", r.GetJson(), err)
		}
		if r.GetSequence() != sequences[r.GetId()]+1 {
			t.Errorf("%s: record %d after %d", r.GetId(), r.GetSequence(), sequences[r.GetId()])
		}
		sequences[r.GetId()] = r.GetSequence()
		at := r.GetPosition().GetSequence()<<1 | uint64(r.GetFamily()-1)
		if positions[at] {
			t.Errorf("%s: two records have position %v", r.GetId(), r.GetPosition())
		}
		positions[at] = true
		if now := y.cfg.Until.UnixMicro(); r.GetDecidedAtUs() > now {
			t.Errorf("%s is decided after the end", r.GetId())
		}
	}
	if len(sequences) < 1000 {
		t.Errorf("got %d outages", len(sequences))
	}
}

// TestRefused checks that the error names an invalid value.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"days":  func(c *Config) { c.Days = 1 },
		"scale": func(c *Config) { c.Scale = 2 },
		"noon":  func(c *Config) { c.Until = c.Until.Add(12 * time.Hour) },
	} {
		c := small(1)
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// BenchmarkRecords makes the records of a year.
func BenchmarkRecords(b *testing.B) {
	c := small(1)
	c.Scale = 0.01
	for b.Loop() {
		for _, s := range newYear(b, c).Streams() {
			n := 0
			start := time.Now()
			for _, err := range s.Records {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.Logf("%s %d records in %v", s.Topic, n, time.Since(start))
		}
	}
}
