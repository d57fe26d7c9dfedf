package core

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// endings lists the ends and the openings of an entity: kind, event, reason, and = if the ids of
// two events name each other.
func endings(f *feed, code string) []string {
	var s []string
	superseded := map[string]string{}
	for _, o := range f.outs {
		r, ok := o.Record.(*pb.OutageRecord)
		if !ok || r.GetEntity().GetCode() != code || r.GetEvent() == "updated" || r.GetEvent() == "suspected" {
			continue
		}
		line := r.GetKind() + " " + r.GetEvent()
		if r.GetEndReason() != "" {
			line += " " + r.GetEndReason()
		}
		if r.GetSuccessor() != "" {
			superseded[r.GetId()] = r.GetSuccessor()
		}
		if p := r.GetPredecessor(); p != "" && r.GetEvent() == "opened" {
			line += " after another"
			if heir := superseded[p]; heir != "" && heir != r.GetId() {
				line += ", which names " + heir
			}
		}
		s = append(s, line)
	}
	return s
}

// some calls do for the peers from number first to before end, in the order of collectors.
func (w *world) some(first, end int, t int64, do func(c, p int, t int64)) {
	i := 0
	w.everybody(t, func(c, p int, t int64) {
		if i >= first && i < end {
			do(c, p, t)
		}
		i++
	})
}

// down ends the sessions of the first n peers.
func (w *world) down(n int, t int64) {
	w.some(0, n, t, func(c, p int, t int64) { w.add(c, t, &pb.PeerDown{Peer: w.peer(c, p)}) })
}

// hijack returns the same networks with another origin.
func hijack(ns []network) []network {
	ns = slices.Clone(ns)
	for i := range ns {
		ns[i].origin = 64666
	}
	return ns
}

// TestEndReasons plays each reason for the end of an event, from routes to records: 32 voters see a
// country.
func TestEndReasons(t *testing.T) {
	t.Parallel()
	gone := dawn + 2*hours
	lose := func(w *world, n int, t int64) {
		w.some(0, n, t, func(c, p int, t int64) {
			for _, x := range w.in("KP") {
				w.withdraw(c, p, t, x.prefix)
			}
		})
	}
	again := func(w *world, first, end int, t int64) {
		w.some(first, end, t, func(c, p int, t int64) { w.announce(c, p, t, w.in("KP")...) })
	}
	tests := []struct {
		name string
		play func(w *world)
		want map[string][]string
	}{
		{
			name: "everybody announces it again",
			play: func(w *world) { lose(w, 32, gone); again(w, 0, 32, gone+hours) },
			want: map[string][]string{
				"KP": {"outage opened", "outage closed recovered"}, "AS131279": {"outage opened", "outage closed recovered"},
				"175.45.176.0/24": {"outage opened", "outage closed recovered"},
			},
		},
		{
			name: "ten losers leave",
			play: func(w *world) { lose(w, 20, gone); w.down(10, gone+hours) },
			want: map[string][]string{
				"KP": {"partial opened", "partial closed lost_sight"}, "AS131279": {"partial opened", "partial closed lost_sight"},
				"175.45.176.0/24": {"partial opened"},
			},
		},
		{
			name: "all losers leave",
			play: func(w *world) { lose(w, 20, gone); w.down(20, gone+hours) },
			want: map[string][]string{
				"KP": {"partial opened", "partial closed lost_sight"}, "175.45.176.0/24": {"partial opened", "partial closed lost_sight"},
			},
		},
		{
			name: "ten losers leave, the others announce it",
			play: func(w *world) { lose(w, 20, gone); w.down(10, gone+hours); again(w, 10, 20, gone+hours+minute) },
			want: map[string][]string{
				"KP": {"partial opened", "partial closed recovered"}, "AS131279": {"partial opened", "partial closed recovered"},
			},
		},
		{
			name: "a collector is lost meanwhile",
			play: func(w *world) {
				lose(w, 32, gone)
				w.add(3, gone+30*minute, &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_LOST})
				again(w, 0, 12, gone+hours)
				again(w, 16, 32, gone+hours)
			},
			want: map[string][]string{"KP": {"outage opened", "outage closed recovered"}, "175.45.176.0/24": {"outage opened", "outage closed recovered"}},
		},
		{
			name: "others originate it",
			play: func(w *world) {
				lose(w, 32, gone)
				w.back(gone+hours, hijack(w.in("KP"))...)
				w.back(gone+3*hours, w.in("KP")...)
			},
			want: map[string][]string{
				"KP":              {"outage opened", "outage closed superseded"},
				"AS131279":        {"outage opened", "outage closed superseded", "moved opened after another", "moved closed recovered"},
				"175.45.176.0/24": {"outage opened", "outage closed superseded", "moved opened after another", "moved closed recovered"},
			},
		},
		{
			name: "others originate it, and those that see it so leave",
			play: func(w *world) {
				w.some(0, 28, gone, func(c, p int, t int64) { w.announce(c, p, t, hijack(w.in("KP"))...) })
				w.down(24, gone+hours)
			},
			want: map[string][]string{
				"KP": nil, "AS131279": {"moved opened", "moved closed lost_sight"}, "175.45.176.0/24": {"moved opened", "moved closed lost_sight"},
			},
		},
		{
			name: "moved, then dark, then moved",
			play: func(w *world) {
				w.back(gone, hijack(w.in("KP"))...)
				lose(w, 32, gone+hours)
				w.back(gone+2*hours, hijack(w.in("KP"))...)
			},
			want: map[string][]string{
				"KP": {"outage opened", "outage closed recovered"},
				"175.45.176.0/24": {
					"moved opened", "moved closed superseded", "outage opened after another", "outage closed superseded", "moved opened after another",
				},
			},
		},
		{
			name: "losses again and again, then dark",
			play: func(w *world) {
				for i := range int64(3) {
					lose(w, 32, gone+i*10*minute)
					again(w, 0, 32, gone+i*10*minute+2*minute)
				}
				lose(w, 32, gone+30*minute)
				again(w, 0, 32, gone+3*hours)
			},
			want: map[string][]string{
				"KP": {
					"outage retracted recovered", "outage retracted recovered", "intermittent reopened", "outage retracted superseded", "intermittent closed superseded",
					"outage opened after another", "outage closed recovered",
				},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.tables()
			tt.play(w)
			f := w.run(gone + 6*hours)
			for code, want := range tt.want {
				if diff := cmp.Diff(want, endings(f, code)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", code, diff)
				}
			}
			for _, o := range f.outs {
				if r, ok := o.Record.(*pb.OutageRecord); ok && (r.GetEndReason() == "") != (r.GetState() == "open" || r.GetState() == "suspected") {
					t.Errorf("%s: end reason %q in state %s", r.GetId(), r.GetEndReason(), r.GetState())
				}
			}
		})
	}
}
