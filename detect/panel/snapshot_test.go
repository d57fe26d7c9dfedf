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
	snapshottest.Type(t, func(c *snapshot.Coder, s *Session) { s.code(c, 128) })
	snapshottest.Type(t, func(c *snapshot.Coder, b *burst) { b.code(c, 128) })
	snapshottest.Type(t, codeSpoken)
	snapshottest.Type(t, codeLapse)
	snapshottest.Type(t, codeKnowledge)
	snapshottest.Type(t, codeNeed)
	var p Panel
	v := Voters{N: 1, Collectors: 2, Mask: []uint64{3}, Leaders: []uint64{1}, second: []follower{{1, 0}}, collector: []uint16{4, 5}}
	var got Voters
	snapshottest.Copy(t, func(c *snapshot.Coder) { p.codeVoters(c, &v) }, func(c *snapshot.Coder) { p.codeVoters(c, &got) })
	if !reflect.DeepEqual(v, got) {
		t.Errorf("read %+v, want %+v", got, v)
	}
}
