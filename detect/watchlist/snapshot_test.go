package watchlist

import (
	"testing"

	"github.com/darkmap/darkmap/detect/snapshot/snapshottest"
)

// TestSnapshot: every field of the lists, and of the records of the open window, is written and
// read.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	snapshottest.Type(t, codeList)
	snapshottest.Type(t, codeMember)
	snapshottest.Type(t, codeHost)
	snapshottest.Type(t, codeStream)
	snapshottest.Type(t, codeGathered)
	var k, again Keeper
	k.lists, k.streams = map[string]*List{"a": {Name: "a", Title: "A"}}, map[string]*stream{"b": {removed: true}}
	k.gone, k.notes = map[string]*List{"c": {Name: "c"}}, []string{"a note"}
	snapshottest.Copy(t, k.Code, again.Code)
	if again.Called("a") != "A" || again.Called("c") != "c" || !again.streams["b"].removed || again.TakeNotes()[0] != "a note" {
		t.Errorf("read %+v, want %+v", again, k)
	}
}
