package core

import (
	"fmt"
	"net/netip"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/detect/visibility"
	"github.com/darkmap/darkmap/detect/watchlist"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/config"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// MaxSessions bounds the sessions that are kept per family beyond the open window. Sessions that
// tables name are kept first; among equals the lower keys (admit).
const MaxSessions = 400

// Detector decides from the streams of all collectors which prefixes the voters see and which
// entities have lost theirs. The records of a collector come in its order. The interleaving of
// collectors within a window does not change the result. A Detector is for one goroutine.
type Detector struct {
	cfg        Config
	collectors map[string]*collector
	families   [len(bgp.Families)]*familyState
	owners     owners
	geography  geography
	watch      *watchlist.Keeper
	trimmed    bool // the log does not begin with its first record, or other records are missing
}

// familyState is the state of one address family.
type familyState struct {
	family bgp.Family
	// left: the detector leaves the family to another one. The family has no peers and no routes.
	left    bool
	rib     *rib.Table
	panel   *panel.Panel
	vis     *visibility.State
	engine  *outage.Engine
	owners  *owners
	watch   *watchlist.Keeper
	all     *[len(bgp.Families)]*familyState // all families: a host has addresses of each
	beacons []rib.Key
	beats   [rhythms][]rib.Key // beacons that are the heartbeat of the feeds
	peers   []*peer            // by slot of the rib
	swept   bool               // slots were emptied in this window
	refused uint64             // peers refused because no slot was free
	judging judging
	covers  covers

	verdicts   verdicts
	gate       panel.Gate // in the last window; gateTurned: the gate shut or opened in that window
	gateTurned bool
}

// New returns a detector without any state. The error is about cfg.
func New(cfg Config) (*Detector, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, fmt.Errorf("configuring detect: %w", err)
	}
	d := &Detector{
		cfg: cfg, collectors: make(map[string]*collector), owners: newOwners(), watch: watchlist.New(),
	}
	for i, f := range bgp.Families {
		d.families[i] = newFamily(f, &d.cfg, &d.owners)
		d.families[i].left = !cfg.Families.Has(f)
		d.families[i].watch, d.families[i].all = d.watch, &d.families
		d.families[i].judging = judging{cfg: cfg.Geography, family: f, geography: &d.geography}
	}
	for _, p := range append(risBeacons[:], cfg.Beacons...) {
		f, k, _ := rib.KeyOf(p.Masked())
		fam := d.family(f)
		fam.beacons = append(fam.beacons, k)
	}
	for i, set := range [rhythms][]netip.Prefix{hourly: beats[:], quick: quickBeats[:]} {
		for _, p := range set {
			f, k, _ := rib.KeyOf(p)
			d.family(f).beats[i] = append(d.family(f).beats[i], k)
		}
	}
	return d, nil
}

func newFamily(f bgp.Family, cfg *Config, names *owners) *familyState {
	fam := &familyState{
		family: f, rib: rib.New(f), panel: panel.New(cfg.Panel, f),
		owners: names, covers: covers{}, verdicts: newVerdicts(cfg.Outage.OpenAfter),
	}
	fam.vis = visibility.New(fam.rib, fam)
	fam.vis.LeaveOut(cfg.NotAddressSpace, cfg.LeaveOutUnlocated)
	fam.vis.NeedStrangers(cfg.Watch.OriginVoters, min(originCollectors, cfg.Panel.MinCollectors))
	oc := cfg.Outage
	oc.Family, oc.Dataset = f, cfg.Dataset
	fam.engine = outage.New(oc, view{fam})
	return fam
}

// TakeOver passes the outages of a family that were published as suspected or open before the
// detector was made, and the time up to which its windows were decided (Unix seconds). Call it
// before CloseWindow of the first window that is published. An open outage that the detector does
// not have is adopted if its record is enough to judge it. The other ones end with that window, as
// lost from sight.
func (d *Detector) TakeOver(family bgp.Family, published []bgp.Outage, until int64) {
	f := d.family(family)
	f.vis.Expect(f.engine.TakeOver(published, until))
}

// family returns the state of f, which is one of bgp.Families.
func (d *Detector) family(f bgp.Family) *familyState { return d.families[f-bgp.IPv4] }

// beacon reports whether k is a beacon.
func (f *familyState) beacon(k rib.Key) bool { return f.within(f.beacons, k) }

// within reports whether k lies in one of set.
func (f *familyState) within(set []rib.Key, k rib.Key) bool {
	for _, b := range set {
		if b.Contains(f.family, k) {
			return true
		}
	}
	return false
}

// Apply applies a record of the open window. effective is its effective time, microseconds since
// 1970. Apply does not retain rec. An error wraps codec.ErrInvalid: the record is invalid and has
// changed nothing, with two exceptions. The prefixes of a table chunk that could be understood are
// applied, and the peers of a gap's end may have been noted.
func (d *Detector) Apply(rec *pb.RouteRecord, effective int64) error {
	switch rec.GetBody().(type) {
	case *pb.RouteRecord_Tick, *pb.RouteRecord_Clock, nil:
		return nil // only the clock uses these
	}
	if ok, err := d.watch.Note(rec); ok {
		return err
	}
	c, now := d.collector(rec.GetPosition().GetCollector()), effective/1e6
	if err := d.geography.note(rec.GetGeography()); err != nil {
		return err
	}
	switch kind, id := bgp.ParseLane(rec.GetPosition().GetLane()); kind {
	case bgp.LaneKindFill:
		return d.fill(c, id, rec, now)
	case bgp.LaneKindTable:
		if !c.gap.open(id) && (c.check == nil || c.check.id != id) {
			return nil // the gap or check has been given up
		}
	default:
	}
	return d.apply(c, rec, now)
}

// apply takes a record that is not part of a fill.
func (d *Detector) apply(c *collector, rec *pb.RouteRecord, now int64) error {
	switch rec.GetBody().(type) {
	case *pb.RouteRecord_Changes, *pb.RouteRecord_PeerUp, *pb.RouteRecord_PeerDown:
		if c.gap != nil && c.gap.orphan {
			d.giveUp(c, now) // its new owner goes on as if there were no gap
		}
	}
	switch b := rec.GetBody().(type) {
	case *pb.RouteRecord_Changes:
		return d.changes(c, b.Changes, now, rec.GetTimestampUs()/1e6)
	case *pb.RouteRecord_PeerUp:
		return d.peerUp(c, b.PeerUp.GetPeer(), now)
	case *pb.RouteRecord_PeerDown:
		return d.peerDown(c, b.PeerDown.GetPeer(), now)
	case *pb.RouteRecord_CollectorUp:
		d.mask(c, unmasked, now)
	case *pb.RouteRecord_CollectorDown:
		switch b.CollectorDown.GetReason() {
		case pb.DownReason_DOWN_REASON_LOST:
			d.lose(c, now)
			d.mask(c, masked, now)
		case pb.DownReason_DOWN_REASON_ENDED:
			d.mask(c, ended, now)
		case pb.DownReason_DOWN_REASON_UNSPECIFIED, pb.DownReason_DOWN_REASON_STALE:
			d.mask(c, masked, now)
		}
	case *pb.RouteRecord_EpochBegin:
		d.newOwner(c)
	case *pb.RouteRecord_GapBegin:
		c.beacons.disturbed = now
		return d.gapBegin(c, b.GapBegin, rec.GetTimestampUs(), now)
	case *pb.RouteRecord_GapEnd:
		c.beacons.disturbed = now
		return d.gapEnd(c, b.GapEnd, now)
	case *pb.RouteRecord_RecordsLost:
		c.beacons.disturbed = now
		d.recordsLost(c, now)
	case *pb.RouteRecord_CheckBegin:
		return d.checkBegin(c, b.CheckBegin)
	case *pb.RouteRecord_CheckEnd:
		d.checkEnd(c, b.CheckEnd)
	case *pb.RouteRecord_TableChunk:
		return d.tableChunk(c, b.TableChunk, now)
	}
	return nil
}

// Refused returns the number of peers that were refused because all slots or MaxSessions were
// taken, and of prefixes that were refused because the table was full. Do not call it while Apply
// or CloseWindow runs.
func (d *Detector) Refused() (peers, prefixes uint64) {
	for _, f := range d.families {
		peers += f.refused
		prefixes += f.rib.Refused()
	}
	return peers, prefixes
}

// changes applies one message. Withdrawals come before announcements (RFC 4271 §4.3).
func (d *Detector) changes(c *collector, ch *pb.RouteChanges, now, timestamp int64) error {
	if t := ch.GetPeer().GetTable(); t != pb.Table_TABLE_UNSPECIFIED && t != pb.Table_TABLE_PRE {
		return nil // only the Adj-RIB-In before policy counts: the routes that peers send
	}
	p, err := c.peer(ch.GetPeer())
	if err != nil {
		return err
	}
	for _, own := range ch.GetOwners() {
		d.owners.note(own)
	}
	var slots [len(bgp.Families)]int // the slot plus one; 0: not looked up yet
	slot := func(f bgp.Family) (*familyState, int) {
		fam := d.family(f)
		if i := f - bgp.IPv4; slots[i] == 0 {
			slots[i] = d.heard(fam, c, p, now) + 1
		}
		return fam, slots[f-bgp.IPv4] - 1
	}
	d.noteReading(p, ch.GetUnread() != nil)
	if u := ch.GetUnread(); u != nil {
		d.unread(p, u, slot)
	}
	for _, r := range ch.GetWithdrawn() {
		f, k, ok := routeKey(r)
		if !ok {
			continue
		}
		if fam, s := slot(f); !c.beacon(fam, k, now) && s >= 0 {
			fam.withdrawn(k, r)
			fam.withdraw(s, k, r.GetPathId(), timestamp)
		}
	}
	for _, r := range ch.GetAnnounced() {
		f, k, ok := routeKey(r)
		if !ok {
			continue
		}
		if fam, s := slot(f); !c.beacon(fam, k, now) && s >= 0 {
			fam.announce(s, k, r, ch, timestamp)
		}
	}
	d.refresh(ch, timestamp, slot)
	for _, e := range ch.GetEndOfRib() {
		f, err := codec.ParseFamily(e)
		if err != nil {
			continue
		}
		if fam, s := slot(f); s >= 0 {
			fam.panel.Session(s).EndOfRIB()
		}
	}
	return nil
}

func (f *familyState) withdraw(s int, k rib.Key, pathID uint32, timestamp int64) {
	session := f.panel.Session(s)
	session.Withdrew()
	if row, w, ok := f.rib.Withdraw(s, k, pathID, !session.Complete || f.rib.Doubted(s)); ok {
		f.withdrew(s, row, w, timestamp)
	}
}

// withdrew applies the change that a withdrawal made in the rib to the panel and the visibility.
func (f *familyState) withdrew(s int, row rib.Row, w rib.Withdrawn, timestamp int64) {
	switch w {
	case rib.Nothing:
		return
	case rib.Lost:
		f.panel.Session(s).Lost()
	case rib.Unheard:
		f.panel.Session(s).Unheard()
	}
	f.vis.Withdrew(row, s, timestamp)
}

func (f *familyState) announce(s int, k rib.Key, r *pb.Route, ch *pb.RouteChanges, timestamp int64) {
	row, a, ok := f.rib.Announce(s, k, r.GetPathId(), bgp.ASN(ch.GetOriginAs()), bgp.ASN(ch.GetUpstreamAs()))
	if !ok {
		return
	}
	f.panel.Session(s).Announced(uint32(row), a == rib.First)
	f.vis.SetPlace(row, ch.GetPlaces(), r.GetPlaceShares())
	f.vis.Announced(row, s, timestamp, bgp.ASN(ch.GetUpstreamAs()), a != rib.Again)
}
