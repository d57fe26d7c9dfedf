package panel

import (
	"reflect"
	"testing"

	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/detect/snapshot/snapshottest"
)

// TestSnapshotTypes: every field of a session and of the voters is written and read.
func TestSnapshotTypes(t *testing.T) {
	t.Parallel()
	snapshottest.Type(t, func(c *snapshot.Coder, s *Session) { s.code(c, 128) }, "burst")
	snapshottest.Type(t, func(c *snapshot.Coder, b *burst) { b.code(c, 128) }, "seen")
	for _, x := range []rowSet{{}, {few: map[uint32]struct{}{3: {}, 127: {}}}, {many: []uint64{1, 2}}} {
		var got rowSet
		snapshottest.Copy(t, func(c *snapshot.Coder) { x.code(c, 128) }, func(c *snapshot.Coder) { got.code(c, 128) })
		if !reflect.DeepEqual(x, got) {
			t.Errorf("read %+v, want %+v", got, x)
		}
	}
	snapshottest.Type(t, codeSpoken)
	snapshottest.Type(t, codeLapse)
	snapshottest.Type(t, codeKnowledge)
	snapshottest.Type(t, codeNeed)
	snapshottest.Type(t, codeGate)
	var p Panel
	v := Voters{N: 1, Collectors: 2, Mask: []uint64{3}, Leaders: []uint64{1}, second: []follower{{1, 0}}, collector: []uint16{4, 5}}
	var got Voters
	snapshottest.Copy(t, func(c *snapshot.Coder) { p.codeVoters(c, &v) }, func(c *snapshot.Coder) { p.codeVoters(c, &got) })
	if !reflect.DeepEqual(v, got) {
		t.Errorf("read %+v, want %+v", got, v)
	}
}
