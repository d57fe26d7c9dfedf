package bootstrap_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/bootstrap"
	"github.com/darkmap/darkmap/ingest/stream"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// badRecord returns a RIB_IPV6_UNICAST record with the AFI and SAFI that only RIB_GENERIC has, as
// GoBGP 4 writes it.
func badRecord(at time.Time) []byte {
	body := []byte{0, 0, 0, 42, 0, 2, 1, 32, 0x20, 1, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}
	b := binary.BigEndian.AppendUint32(nil, uint32(at.Unix()))
	b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, 13), 4)
	return append(binary.BigEndian.AppendUint32(b, uint32(len(body))), body...)
}

// TestUnreadableRecords checks that a dump with a few unreadable records counts as whole, and
// reports their number. One with too many does not.
func TestUnreadableRecords(t *testing.T) {
	for bad, want := range map[int]string{
		3:    "fill complete=true filled=false peers=2 after 0 messages, 0 states",
		1000: "table complete=false filled=false peers=0 after 0 messages, 0 states",
	} {
		var letters atomic.Int32
		counting := rig{deps: func(d *bootstrap.Deps) {
			d.DeadLetter = func(context.Context, stream.DeadLetter) error {
				letters.Add(1)
				return nil
			}
		}}
		sc := counting.play(t, dumped.Add(2*time.Minute), nil)
		sc.w.Prefixes = 600
		sc.dump(dumped)
		sc.updates(dumped)
		sc.updates(dumped.Add(5 * time.Minute))
		name := filepath.Join(sc.a.Dir, dumped.Format("bview.20060102.1504.gz"))
		f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		w := gzip.NewWriter(f) // a further member
		if _, err := w.Write(bytes.Repeat(badRecord(dumped), bad)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		sc.gap(time.Time{})
		sc.want(sc.ends(1), want)
		event, says := pb.FeedEvent_FEED_EVENT_RECOVERED, "; 3 records of the table cannot be read"
		if bad > 3 {
			event, says = pb.FeedEvent_FEED_EVENT_DEGRADED, "1000 of its "
		}
		if got := sc.reasons(event); len(got) != 1 || !strings.Contains(got[0], says) {
			t.Errorf("%d bad records: got reasons %q, want %q", bad, got, says)
		}
		if got := int(letters.Load()); got < min(bad, 100) || got > 100 {
			t.Errorf("%d bad records: got %d dead letters, want one each and 100 at most", bad, got)
		}
	}
}
