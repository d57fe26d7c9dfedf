package playback

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// TestVotersOfFiles checks that each peer whose AS number names no network is a voter, and that all
// peers of one AS are one voter on all collectors.
func TestVotersOfFiles(t *testing.T) {
	t.Parallel()
	for asn, want := range map[bgp.ASN]int{0: 24, 23456: 24, 64999: 1} {
		w := mrttest.NewWorld(time.UnixMicro(someDay), 2, 12, mrttest.Background(20))
		for i := range w.Peers {
			w.Peers[i].PeerASN = asn
		}
		var inputs []Input
		for _, c := range w.Collectors() {
			path := filepath.Join(t.TempDir(), c+".mrt")
			if err := os.WriteFile(path, w.Table(c, 0, nil), 0o600); err != nil {
				t.Fatal(err)
			}
			inputs = append(inputs, Input{Collector: c, Path: path})
		}
		plan, err := NewPlan(t.Context(), inputs)
		if err != nil {
			t.Fatal(err)
		}
		voters := map[bgp.PeerKey]bool{}
		for _, of := range plan.Voters {
			for _, v := range of {
				voters[v] = true
			}
		}
		if len(voters) != want {
			t.Errorf("peers of %v on two collectors: got %d voters, want %d: %v", asn, len(voters), want, plan.Voters)
		}
	}
}
