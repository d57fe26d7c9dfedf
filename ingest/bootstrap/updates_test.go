package bootstrap_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/archive/archivetest"
	"github.com/darkmap/darkmap/ingest/bootstrap"
	"github.com/darkmap/darkmap/ingest/stream"
)

// TestCutUpdates checks that the worker waits for an update file that is published in parts, and
// writes no message twice.
func TestCutUpdates(t *testing.T) {
	sc := play(t, dumped.Add(3*time.Minute), nil)
	var all []archivetest.Change
	for i := range 50 {
		all = append(all, change(dumped.Add(time.Duration(i)*time.Second), i%2, i))
	}
	sc.updates(dumped, all...)
	name := filepath.Join(sc.a.Dir, dumped.Format("updates.20060102.1504.gz"))
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	sc.updates(dumped.Add(-5 * time.Minute))
	sc.gap(dumped)
	sc.waitDoing("waiting for a whole file", 1)
	sc.unsaid()
	if err := os.WriteFile(name, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	sc.want(sc.ends(1), "fill complete=true filled=true peers=0 after 50 messages, 0 states")
}

// TestBadRecords checks that the reading of a file of undecodable records ends when it is of no use
// any more.
func TestBadRecords(t *testing.T) {
	var sc *scene
	var letters atomic.Int32
	closing := rig{deps: func(d *bootstrap.Deps) {
		d.DeadLetter = func(context.Context, stream.DeadLetter) error {
			if letters.Add(1) == 1 {
				sc.s.Close()
			}
			return nil
		}
	}}
	sc = closing.play(t, dumped.Add(2*time.Minute), nil)
	sc.dump(dumped)
	record := []byte{4: 0, 16, 0, 4, 0, 0, 0, 4, 15: 0} // a BGP4MP_MESSAGE_AS4 of 4 octets
	binary.BigEndian.PutUint32(record, uint32(dumped.Unix()))
	err := sc.a.Add(rrc00, "updates", dumped, dumped.Add(5*time.Minute), "updates.20261124.0800.gz", func(w io.Writer) error {
		_, err := w.Write(bytes.Repeat(record, 10_000))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sc.gap(time.Time{})
	waitFor(t, func() bool { return letters.Load() > 0 && sc.worker.Idle() }, sc.worker)
	if n := letters.Load(); n > 1000 {
		t.Errorf("%d records were read after the stream was closed", n)
	}
}

// TestOpenFile checks that an uncompressed file is read only when its time is over, because it may
// still be written.
func TestOpenFile(t *testing.T) {
	sc := play(t, dumped.Add(2*time.Minute), nil)
	all := []archivetest.Change{change(dumped.Add(90*time.Second), 0, 1), change(dumped.Add(100*time.Second), 1, 2)}
	write := func(n int) {
		name := dumped.Format("updates.20060102.1504")
		err := sc.a.Add(rrc00, "updates", dumped, dumped.Add(5*time.Minute), name, func(w io.Writer) error { return sc.w.WriteUpdates(w, 0, all[:n]) })
		if err != nil {
			t.Fatal(err)
		}
	}
	write(1)
	sc.gap(dumped.Add(80 * time.Second))
	sc.waitDoing("waiting for the updates", 1)
	write(2)
	sc.ahead.Store(int64(10 * time.Minute))
	sc.want(sc.ends(1), "fill complete=true filled=true peers=0 after 2 messages, 0 states")
}

// TestGrowing checks that a message that is in the future at the first reading of a file is written
// at a later reading.
func TestGrowing(t *testing.T) {
	sc := play(t, dumped.Add(4*time.Minute), nil)
	sc.dump(dumped)
	var all []archivetest.Change
	for i := range 50 {
		all = append(all, change(dumped.Add(time.Duration(i)*time.Second), i%2, i))
	}
	all = append(all, change(dumped.Add(4*time.Minute+40*time.Second), 0, 55)) // in the Overlap
	sc.updates(dumped, all...)
	sc.updates(dumped.Add(5 * time.Minute))
	name := filepath.Join(sc.a.Dir, dumped.Format("updates.20060102.1504.gz"))
	whole, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, whole[:len(whole)-40], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	sc.gap(time.Time{})
	sc.waitDoing("waiting for a whole file", 1)
	sc.ahead.Store(int64(3 * time.Minute))
	if err := os.WriteFile(name, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	sc.want(sc.ends(1), "fill complete=true filled=false peers=2 after 51 messages, 0 states")
}

// TestRepublished checks that a truncated file that is published again with more records in front
// is written from its beginning.
func TestRepublished(t *testing.T) {
	sc := play(t, dumped.Add(3*time.Minute), nil)
	sc.dump(dumped)
	var all []archivetest.Change
	for i := range 60 {
		all = append(all, change(dumped.Add(time.Duration(i)*time.Second), i%2, i))
	}
	read := func() []byte {
		text, err := os.ReadFile(filepath.Join(sc.a.Dir, dumped.Format("updates.20060102.1504.gz")))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	write := func(text []byte) {
		if err := os.WriteFile(filepath.Join(sc.a.Dir, dumped.Format("updates.20060102.1504.gz")), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sc.updates(dumped, all...)
	whole := read()
	sc.updates(dumped, all[30:]...)
	write(read()[:len(read())-30])
	sc.gap(time.Time{})
	sc.waitDoing("waiting for a whole file", 1)
	write(whole)
	sc.ends(1)
	said := map[int64]bool{}
	for _, r := range sc.set.Updates.Updates(t) {
		if r.GetBgpMessage() != nil {
			said[r.GetTimestampUs()] = true
		}
	}
	if len(said) != len(all) {
		t.Errorf("%d of %d messages were said", len(said), len(all))
	}
}
