package detect

import (
	"maps"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestOffsets: a life of the state never commits less than the life before it did. It commits more
// of one partition only when all partitions are read up to their committed offsets.
func TestOffsets(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ next, committed, want map[int32]int64 }{
		"the first life":              {map[int32]int64{0: 2}, map[int32]int64{0: -1, 1: -1}, map[int32]int64{0: 2}},
		"one is not read yet":         {map[int32]int64{1: 2}, map[int32]int64{0: 2, 1: 1}, map[int32]int64{0: 2, 1: 1}},
		"one is not read to its end":  {map[int32]int64{0: 1, 1: 7}, map[int32]int64{0: 2, 1: -1}, map[int32]int64{0: 2}},
		"both are where they were":    {map[int32]int64{0: 2, 1: 1}, map[int32]int64{0: 2, 1: 1}, map[int32]int64{0: 2, 1: 1}},
		"both are read, one is ahead": {map[int32]int64{0: 2, 1: 5}, map[int32]int64{0: 2, 1: 1}, map[int32]int64{0: 2, 1: 5}},
	} {
		x := &session{topic: "routes", next: tt.next, committed: tt.committed}
		req := kmsg.NewPtrTxnOffsetCommitRequest()
		x.offsets(req, 60)
		got := map[int32]int64{}
		for _, p := range req.Topics[0].Partitions {
			got[p.Partition] = p.Offset
		}
		if !maps.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}
