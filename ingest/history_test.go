package ingest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/ingest/stream"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestHistory checks that the newest epoch's last status determines the time up to which a
// collector is known. After a request for tables nothing is known.
func TestHistory(t *testing.T) {
	t.Parallel()
	status := func(epoch uint64, known int64) *pb.FeedRecord {
		return &pb.FeedRecord{
			Position: &pb.Position{Lane: "feed", Epoch: epoch}, Collector: "ris/rrc00", Event: pb.FeedEvent_FEED_EVENT_STATUS, Status: &pb.FeedStatus{KnownUs: known},
		}
	}
	wanted := &pb.FeedRecord{Position: &pb.Position{Collector: "detect", Lane: "out"}, Collector: "ris/rrc00", Event: pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED}
	gap := &pb.FeedRecord{Position: &pb.Position{Lane: "feed", Epoch: 5}, Collector: "ris/rrc00", Event: pb.FeedEvent_FEED_EVENT_GAP, BeginUs: 70, EndUs: 105}
	up := &pb.FeedRecord{Position: &pb.Position{Lane: "feed", Epoch: 9}, Collector: "ris/rrc00", Event: pb.FeedEvent_FEED_EVENT_UP}
	for name, tt := range map[string]struct {
		recs []*pb.FeedRecord
		want stream.Past
	}{
		"nothing":                 {nil, stream.Past{}},
		"the newest":              {[]*pb.FeedRecord{status(5, 100), status(5, 110)}, stream.Past{Epoch: 5, Known: 110}},
		"a stale owner":           {[]*pb.FeedRecord{status(5, 100), status(7, 110), status(5, 120)}, stream.Past{Epoch: 7, Known: 110}},
		"a new one, not known":    {[]*pb.FeedRecord{status(5, 100), status(7, 0)}, stream.Past{Epoch: 7}},
		"wanted":                  {[]*pb.FeedRecord{status(5, 100), wanted}, stream.Past{Epoch: 5}},
		"wanted and answered":     {[]*pb.FeedRecord{wanted, status(5, 100)}, stream.Past{Epoch: 5, Known: 100}},
		"a gap that reaches back": {[]*pb.FeedRecord{status(5, 100), gap, up}, stream.Past{Epoch: 9, Known: 70}},
		"and was answered":        {[]*pb.FeedRecord{status(5, 100), gap, status(5, 130)}, stream.Past{Epoch: 5, Known: 130}},
		"just begun":              {[]*pb.FeedRecord{status(5, 100), up}, stream.Past{Epoch: 9, Known: 100}},
	} {
		p := history{}
		for _, r := range tt.recs {
			p.note(r)
		}
		if diff := cmp.Diff(tt.want, p["ris/rrc00"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
