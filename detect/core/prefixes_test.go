package core

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// prefixesSaid lists the records of prefixes, with times in minutes from dawn.
func prefixesSaid(t *testing.T, f *feed) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, o := range f.outs {
		r, ok := o.Record.(*pb.PrefixRecord)
		if !ok {
			continue
		}
		prefix, err := codec.ParsePrefix(r.Prefix)
		if err != nil || string(o.Key) != bgp.FamilyOf(prefix).String()+"/"+prefix.String() {
			t.Fatalf("a record with the key %s is of prefix %v, %v", o.Key, prefix, err)
		}
		ases := func(all []*pb.PrefixAS) string {
			var b []string
			for _, a := range all {
				b = append(b, fmt.Sprintf("AS%d by %d", a.Asn, a.Voters))
			}
			return strings.Join(b, ",")
		}
		word := strings.ToLower(strings.TrimPrefix(r.State.String(), "PREFIX_STATE_"))
		line := fmt.Sprintf("%d %s since %d, %d of %d, from %s over %s", (r.WindowUs/1e6-dawn)/60, word, (r.SinceUs/1e6-dawn)/60, r.SeenBy, r.Voters, ases(r.Origins), ases(r.Upstreams))
		if r.SinceAtLeast {
			line += ", at least"
		}
		if r.Daily {
			line += ", daily"
		}
		out[prefix.String()] = append(out[prefix.String()], line)
	}
	return out
}

// TestPrefixRecords: a prefix has a record when it is lost, when another change has lasted, and
// once a day. A change of an upstream is in the daily record.
func TestPrefixRecords(t *testing.T) {
	t.Parallel()
	const at = dawn + 90*minute
	w := newWorld(t)
	w.tables()
	lost, moved, flaps, other, part := w.networks[40], w.networks[4], w.networks[5], w.networks[3], w.networks[6]
	with := func(n network, origin, upstream uint32) network {
		n.origin, n.upstream = origin, upstream
		return n
	}
	w.gone(at, lost)
	w.back(at+2*minute, lost)
	w.gone(at+30*minute, lost)
	w.back(at, with(moved, 64999, 64400))
	w.back(at, with(flaps, 64999, 64400))
	w.back(at+3*minute, flaps)
	w.back(at, with(other, other.origin, 64401))
	for i := range 10 {
		w.withdraw(i%w.collectors, i/w.collectors, at, part.prefix)
	}
	young := network{"10.50.0.0/16", 64998, 64400, "AA"}
	w.back(at, young)
	w.gone(at+20*minute, young)
	f := w.run(dawn + 25*60*minute)
	got := prefixesSaid(t, f)
	first := func(n network) string { return got[n.prefix][0] }
	for _, n := range w.networks {
		all := got[n.prefix]
		if len(all) < 2 || !strings.Contains(all[0], " visible since 0, 32 of 32, ") || !strings.HasSuffix(all[0], ", at least") {
			t.Errorf("%s: got %q, want the first to be visible since dawn or before", n.prefix, all)
			continue
		}
		var m int64
		if _, err := fmt.Sscanf(all[0], "%d ", &m); err != nil || m > 60 {
			t.Errorf("%s: said first at %d, %v, want within an hour", n.prefix, m, err)
		}
	}
	daily := func(n network) (out []string) {
		for _, l := range got[n.prefix][1:] {
			if strings.HasSuffix(l, ", daily") {
				var m int64
				_, rest, _ := strings.Cut(l, " ")
				if _, err := fmt.Sscanf(l, "%d ", &m); err != nil || m <= 60 {
					t.Errorf("%s: %q", n.prefix, l)
				}
				out = append(out, rest)
				continue
			}
			out = append(out, l)
		}
		return slices.Compact(out)
	}
	for _, tt := range []struct {
		of   network
		want []string
	}{
		{lost, []string{
			"90 lost since 90, 0 of 32, from AS131279 by 32 over AS4837 by 32", "95 visible since 92, 32 of 32, from AS131279 by 32 over AS4837 by 32",
			"120 lost since 120, 0 of 32, from AS131279 by 32 over AS4837 by 32", "lost since 120, 0 of 32, from AS131279 by 32 over AS4837 by 32, daily",
		}},
		{moved, []string{"95 visible since 90, 32 of 32, from AS64999 by 32 over AS64400 by 32", "visible since 90, 32 of 32, from AS64999 by 32 over AS64400 by 32, daily"}},
		{flaps, []string{"visible since 0, 32 of 32, from AS64505 by 32 over AS64400 by 32, at least, daily"}},
		{other, []string{"visible since 0, 32 of 32, from AS64503 by 32 over AS64401 by 32, at least, daily"}},
		{part, []string{"95 partly since 90, 22 of 32, from AS64506 by 22 over AS64400 by 22", "partly since 90, 22 of 32, from AS64506 by 22 over AS64400 by 22, daily"}},
	} {
		if diff := cmp.Diff(tt.want, daily(tt.of)); diff != "" {
			t.Errorf("%s, after %q (-want +got):\n%s", tt.of.prefix, first(tt.of), diff)
		}
	}
	want := []string{"95 new since 90, 32 of 32, from AS64998 by 32 over AS64400 by 32", "115 gone since 110, 0 of 32, from AS64998 by 32 over AS64400 by 32"}
	if diff := cmp.Diff(want, got[young.prefix]); diff != "" {
		t.Errorf("a prefix that came and went (-want +got):\n%s", diff)
	}
}

// TestPrefixBurst: when the first verdict is possible, the records of all prefixes come over an
// hour, and each prefix has one more in the day after it.
func TestPrefixBurst(t *testing.T) {
	t.Parallel()
	const n = 6000
	w := newWorld(t)
	w.collectors, w.peers, w.networks = 4, 2, nil
	for i := range n {
		w.networks = append(w.networks, network{fmt.Sprintf("%d.%d.%d.0/24", 20+i>>16, i>>8&255, i&255), uint32(64500 + i%9), 64400, "AA"})
	}
	w.tables()
	f := w.run(dawn + 25*60*minute)
	perWindow, times := map[int64]int{}, map[string]int{}
	for _, o := range f.outs {
		if r, ok := o.Record.(*pb.PrefixRecord); ok && r.WindowUs/1e6 < dawn+60*minute+24*60*minute {
			perWindow[(r.WindowUs/1e6-dawn)/60]++
			times[string(o.Key)]++
		}
	}
	for minute, records := range perWindow {
		// 25 turns of 1,440 in a window of the first hour, one in a later one: 104 and 4 of 6,000.
		if most := 104 * 3 / 2; records > most || minute > 60 && records > 20 {
			t.Errorf("minute %d: %d records", minute, records)
		}
	}
	if len(times) != n {
		t.Errorf("%d prefixes were said, want %d", len(times), n)
	}
	for key, c := range times {
		if c < 2 || c > 3 {
			t.Errorf("%s was said %d times in 25 hours", key, c)
		}
	}
}

// TestPrefixFirstChange: a prefix whose origin or state changes between the first verdict and its
// first record has held the new one since the change, not since the first verdict.
func TestPrefixFirstChange(t *testing.T) {
	t.Parallel()
	const at = 10 * minute
	w := newWorld(t)
	w.tables()
	for i := range w.networks { // turns are spread over the hour, so many come after the change
		n := w.networks[i]
		n.origin = 64999
		w.back(dawn+at, n)
	}
	f := w.run(dawn + 65*minute)
	late := 0
	for prefix, all := range prefixesSaid(t, f) {
		var said int64
		if _, err := fmt.Sscanf(all[0], "%d ", &said); err != nil {
			t.Fatal(err)
		}
		want := []string{" since 10,", " from AS64999 "}
		switch {
		case said*minute < at:
			want = []string{" since 0,", ", at least"}
		case strings.HasSuffix(all[0], ", at least"):
			t.Errorf("%s: got %q, want no record of both times", prefix, all)
		default:
			late++
		}
		for _, x := range want {
			if !strings.Contains(all[0], x) {
				t.Errorf("%s: got %q, want %q in the first", prefix, all, x)
			}
		}
	}
	if late == 0 {
		t.Error("all prefixes had their first record before the change")
	}
}
