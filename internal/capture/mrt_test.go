package capture_test

import (
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/datatest"
)

// result is the result of reading a whole capture.
type result struct {
	kinds   map[capture.Kind]int
	damages []*capture.Damage
	stats   capture.Stats
	format  capture.Format
}

// readAll reads r to its end. It fails on errors other than damage, and if a read after the end
// does not return the end again.
func readAll(t *testing.T, r *capture.Reader) result {
	t.Helper()
	res := result{kinds: map[capture.Kind]int{}, format: r.Format()}
	for {
		it, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			d, ok := errors.AsType[*capture.Damage](err)
			if !ok {
				t.Fatalf("Next: got %T %v, want a *Damage", err, err)
			}
			res.damages = append(res.damages, d)
			continue
		}
		if it.Kind < capture.Message || it.Kind > capture.Note {
			t.Fatalf("item %d: got kind %d", it.Number, it.Kind)
		}
		res.kinds[it.Kind]++
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("Next after the end: got %v, want io.EOF", err)
	}
	res.stats = r.Stats()
	return res
}

func readFile(t *testing.T, path string) result {
	t.Helper()
	r, err := capture.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res := readAll(t, r)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return res
}

// TestMRTFiles compares counts with those of the data's MANIFEST.tsv. Kinds that are not named do
// not occur.
func TestMRTFiles(t *testing.T) {
	t.Parallel()
	type kinds = map[capture.Kind]int
	for _, tc := range []struct {
		file    string
		records uint64
		kinds   kinds
		damaged int
	}{
		{"bgpkit-rrc15-updates.20100227.1600.gz", 6615, nil, 0},
		{"bview.20020722.2337.gz", 115521, kinds{capture.RIB: 115521}, 0},
		{"bview.64k_stream_overflow.gz", 2, kinds{capture.RIB: 1, capture.Note: 1}, 0},
		{"bview.ipv4_unicast_add_path.gz", 32, kinds{capture.RIB: 31, capture.Note: 1}, 0},
		{"bview.ipv6_unicast_add_path.gz", 32, kinds{capture.RIB: 31, capture.Note: 1}, 0},
		{"rib.20140523.0600_firstMB.bz2", 9073, kinds{capture.RIB: 9072, capture.Note: 1}, 1},
		{"rib6.20151101.0600_firstMB.bz2", 6871, kinds{capture.RIB: 6870, capture.Note: 1}, 1},
		{"ris.rrc06.updates.1427846400.gz", 795, nil, 0},
		{"routeviews2-20130101-arch0.mrt.gz", 18088, nil, 0},
		{"routeviews2-20130101-arch1.mrt.gz", 18213, nil, 0},
		{"routeviews2-20130101-arch2.mrt.gz", 19021, nil, 0},
		{"routeviews2-20130101-arch3.mrt.gz", 1342, nil, 0},
		{"routeviews2-updates.20260222.1530.bz2", 49220, nil, 0},
		{"updates.20100722.2015.gz", 2193, nil, 0},
		{"updates.20160811.1600.gz", 17406, nil, 0},
		{"updates.et-header.2015.gz", 89686, nil, 0},
		{"updates.long_withdrawal.gz", 1, kinds{capture.Message: 1}, 0},
		{"updates.nlri_mask_trailing_bits.gz", 1, kinds{capture.Message: 1}, 0},
		{"mrtparse-samples/bird-mrtdump_bgp", 27, nil, 0},
		{"mrtparse-samples/bird-mrtdump_rib", 14, kinds{capture.RIB: 12, capture.Note: 2}, 0},
		{"mrtparse-samples/bird6-mrtdump_bgp", 27, nil, 0},
		{"mrtparse-samples/bird6-mrtdump_rib", 9, kinds{capture.RIB: 7, capture.Note: 2}, 0},
		{"mrtparse-samples/bird6_bgp", 29, nil, 0},
		{"mrtparse-samples/bird_bgp", 29, nil, 0},
		{"mrtparse-samples/openbgpd_bgp", 87, nil, 0},
		{"mrtparse-samples/openbgpd_rib_table", 31, kinds{capture.RIB: 31}, 0},
		{"mrtparse-samples/openbgpd_rib_table-mp", 31, kinds{capture.Note: 31}, 0},
		{"mrtparse-samples/openbgpd_rib_table-v2", 24, nil, 0},
		{"mrtparse-samples/quagga_bgp", 67, nil, 0},
		{"mrtparse-samples/quagga_rib", 7, kinds{capture.RIB: 6, capture.Note: 1}, 0},
	} {
		t.Run(filepath.Base(tc.file), func(t *testing.T) {
			t.Parallel()
			res := readFile(t, datatest.Path(t, "mrt", filepath.FromSlash(tc.file)))
			if res.format != capture.MRT {
				t.Errorf("format: got %q, want %q", res.format, capture.MRT)
			}
			if len(res.damages) != tc.damaged {
				t.Errorf("damages: got %v, want %d", res.damages, tc.damaged)
			}
			for _, d := range res.damages {
				t.Log(d)
				if d.Reason != capture.Truncated {
					t.Errorf("damage: got %v, want %s", d, capture.Truncated)
				}
			}
			if got := res.stats.Records - uint64(len(res.damages)); got != tc.records {
				t.Errorf("sound records: got %d, want %d", got, tc.records)
			}
			for k, want := range tc.kinds {
				if res.kinds[k] != want {
					t.Errorf("items of kind %d: got %d, want %d (all: %v)", k, res.kinds[k], want, res.kinds)
				}
			}
		})
	}
}
