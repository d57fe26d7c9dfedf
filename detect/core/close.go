package core

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/visibility"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// windowSeconds is the length of a window in seconds.
const windowSeconds = 60

// CloseWindow ends the minute that began at start (Unix seconds) and returns the records to
// publish. For each family these are: the panel when it was decided or the verdict changed, and
// each quarter hour; the visibility of entities that changed or are due; the holders of prefixes
// that changed or are due; and the events of outages. Records of the feeds' heartbeat come last.
func (d *Detector) CloseWindow(start int64) ([]Out, error) {
	d.owners.close()
	d.geography.close()
	d.changeLists(start + windowSeconds)
	var out []Out
	for _, f := range d.families {
		next, err := f.close(start)
		if err != nil {
			return nil, err
		}
		out = append(out, next...)
	}
	return append(out, d.heartbeat(start)...), nil
}

func (f *familyState) close(start int64) ([]Out, error) {
	end := start + windowSeconds
	f.admit(start)
	f.rib.SettleDoubts()
	f.rib.Repack()
	decided, changed := f.panel.Close(end, f.rib.Size)
	f.gate, f.gateTurned = f.panel.CloseGate(end, func() bool { return f.lossesSpread(start) })
	if f.panel.Verdicts() {
		f.lapse()
	}
	samples := f.vis.Close(visibility.Window{
		End: end, Voters: f.panel.Voters(), Changed: changed || f.swept, Knowledge: f.panel.Knowledge(),
		Verdicts: f.panel.Verdicts(), Gated: f.gate.Shut(), Left: f.panel.Left(),
	})
	f.swept = false
	judged := f.judging.judged(f.panel.Knowledge(), samples)
	out := f.gateRecords(end)
	if f.noteVerdict(start) || decided && f.panel.Verdicts() || f.verdicts.peers > 0 && f.panel.Decides(end) {
		out = append(out, f.panelRecord(end))
	}
	events := f.engine.Close(start, judged)
	if f.panel.Verdicts() && !f.gate.Shut() {
		out = f.visibilityRecords(out, start, samples)
		out = f.prefixRecords(out, start)
	}
	for _, e := range events {
		rec, err := codec.OutageRecord(&e.Outage, e.Key.Family, end*1e6)
		if err != nil {
			return nil, err
		}
		out = append(out, Out{Topic: schemas.TopicOutages, Key: []byte(rec.GetId()), Record: rec})
	}
	return out, nil
}

// panelRecord returns the record of the voters from t on, and of whether a verdict is possible.
func (f *familyState) panelRecord(t int64) Out {
	votes, possible := f.verdicts.votes, f.verdicts.why == bgp.VerdictPossible
	rec := &pb.PanelRecord{
		Family: codec.Family(f.family), TimeUs: t * 1e6,
		Voters: uint32(votes.Voters), Collectors: uint32(votes.Collectors),
		MinVoters: uint32(votes.MinVoters), MinCollectors: uint32(votes.MinCollectors),
		Table:    codec.TableKnowledge(f.panel.Knowledge()),
		Verdicts: &possible, NoVerdict: string(f.verdicts.why),
		PlacesNotJudged: f.judging.notJudged(), OpenEvents: uint32(f.engine.Open()),
	}
	for _, p := range f.panel.Statuses(t) {
		rec.Peers = append(rec.Peers, &pb.PanelPeer{
			Collector: p.Session.Key.Collector, Peer: codec.Peer(p.Session.Key.Peer, netip.Addr{}),
			Votes: p.Votes, Reason: string(p.Reason), Prefixes: uint32(f.rib.Size(p.Slot)),
		})
	}
	key := f.family.String() + "/" + time.Unix(t, 0).UTC().Format(time.RFC3339)
	return Out{Topic: schemas.TopicPanel, Key: []byte(key), Record: rec}
}

// visibilityRecords appends the samples that changed and those that are due once an hour, in the
// order of type and code.
func (f *familyState) visibilityRecords(out []Out, start int64, samples []outage.Sample) []Out {
	changed := make(map[outage.Key]bool, len(samples))
	for i := range samples {
		changed[samples[i].Key] = true
	}
	all := slices.Clone(samples)
	for _, s := range f.vis.Hourly(int(start / windowSeconds % 60)) {
		if !changed[s.Key] {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b outage.Sample) int {
		return cmp.Or(cmp.Compare(a.Key.Type, b.Key.Type), cmp.Compare(a.Key.Code, b.Key.Code))
	})
	voters := uint32(f.panel.Voters().N)
	for i := range all {
		s := &all[i]
		name := view{f}.Name(s.Key)
		space, prefixes := f.engine.Usual(*s)
		out = append(out, Out{
			Topic: schemas.TopicVisibility,
			Key:   []byte(f.family.String() + "/" + s.Key.Type.String() + "/" + s.Key.Code),
			Record: &pb.VisibilityRecord{
				Entity: codec.Entity(bgp.Entity{Type: s.Key.Type, Code: s.Key.Code, Name: name}),
				Family: codec.Family(f.family), WindowUs: start * 1e6,
				Space: s.Space, Prefixes: uint32(s.Prefixes), BaselineSpace: s.KnownSpace,
				BaselinePrefixes: uint32(s.KnownPrefixes), UsualSpace: &space,
				UsualPrefixes: new(uint32(prefixes)), Voters: voters,
			},
		})
	}
	return out
}

// view implements outage.View for a family.
type view struct{ f *familyState }

var _ outage.View = view{}

// Panel implements outage.View.
func (v view) Panel(bgp.Family) (bgp.Panel, bool) {
	p := v.f.panel
	return bgp.Panel{
		Voters: p.Voters().N, Collectors: p.Voters().Collectors, Table: p.Knowledge(),
		KnownPrefixes: v.f.judging.knownPrefixes(),
	}, p.Verdicts()
}

// Gated implements outage.View.
func (v view) Gated(bgp.Family) bool { return v.f.gate.Shut() }

// Leaving implements outage.View.
func (v view) Leaving(bgp.Family) bool { return v.f.gate.Leaving }

// Present implements outage.View.
func (v view) Present(k outage.Key) (outage.Sample, bool) { return v.f.vis.Present(k) }

// Lost implements outage.View.
func (v view) Lost(k outage.Key) []outage.LostPrefix { return v.f.withCovers(v.f.vis.Lost(k)) }

// Surviving implements outage.View.
func (v view) Surviving(k outage.Key, limit int) ([]netip.Prefix, int) {
	return v.f.vis.Surviving(k, limit)
}

// Churn implements outage.View.
func (v view) Churn(k outage.Key, t int64) bgp.Churn { return v.f.vis.Churn(k, t) }

// Moved implements outage.View.
func (v view) Moved(k outage.Key) []outage.MovedPrefix { return v.f.vis.Moved(k) }

// Returns implements outage.View.
func (v view) Returns(k outage.Key, q outage.Ending) outage.Returns { return v.f.vis.Returns(k, q) }

// Watch implements outage.View.
func (v view) Watch(q outage.Watched) []bgp.WatchMember { return v.f.withHosts(v.f.vis.Watched(q)) }

// Unexpected implements outage.View.
func (v view) Unexpected() []outage.Unexpected { return v.f.vis.Unexpected() }

// Guarded implements outage.View.
func (v view) Guarded(k outage.Key) bool { return v.f.vis.Guarded(k) }

// Belongs implements outage.View.
func (v view) Belongs(k outage.Key) (origins []bgp.ASN, countries []string) {
	return v.f.vis.Belongs(k)
}

// Overlaps implements outage.View.
func (v view) Overlaps(k outage.Key, moved bool) (space uint64, wider []outage.Overlap) {
	return v.f.vis.Overlaps(k, moved)
}

// OwnerName implements outage.View.
func (v view) OwnerName(a bgp.ASN) string { return v.f.owners.name(a) }

// Name implements outage.View. It returns the name of a country or an AS, the title of a watch
// list, and "" for regions and prefixes, which are shown by their codes.
func (v view) Name(k outage.Key) string {
	switch k.Type {
	case bgp.EntityCountry:
		return bgp.CountryName(k.Code)
	case bgp.EntityAS:
		if a, err := bgp.ParseASN(k.Code); err == nil {
			return v.f.owners.name(a)
		}
	case bgp.EntityWorld:
		return "World"
	case bgp.EntityWatch:
		return v.f.watch.Called(k.Code)
	case bgp.EntityPrefix, bgp.EntityRegion:
	}
	return ""
}
