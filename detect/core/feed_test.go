package core

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// feed stands in for the clock: it gives a detector records in windows and keeps its output.
type feed struct {
	t        testing.TB
	detector *Detector
	window   int64 // start of the open one; 0 before the first record
	outs     []Out
	// undisturbed: the detector is never replaced by a restored one.
	undisturbed bool
}

func newFeed(tb testing.TB, cfg Config) *feed {
	tb.Helper()
	detector, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return &feed{t: tb, detector: detector}
}

// small returns the configuration of a replay.
func small() Config {
	cfg := DefaultConfig()
	cfg.Dataset, cfg.Panel.MinVoters, cfg.Panel.MinCollectors = "test", 3, 1
	return cfg
}

// apply applies a record. It closes windows up to the record's time first.
func (f *feed) apply(r *pb.RouteRecord) {
	f.t.Helper()
	f.until(r.GetTimestampUs() / 1e6)
	if err := f.detector.Apply(r, r.GetTimestampUs()); err != nil {
		f.t.Fatal(err)
	}
}

// until closes every window that ends by t.
func (f *feed) until(t int64) {
	f.t.Helper()
	if f.window == 0 {
		f.window = t - t%60
	}
	for f.window+60 <= t {
		f.close()
	}
}

// every is the number of windows in which the detector is replaced once by one that was read from a
// snapshot of it.
func (f *feed) every() int64 {
	if _, ok := f.t.(*testing.T); !ok || f.detector.family(bgp.IPv4).rib.Len() > 5000 || f.undisturbed {
		return 1 << 40
	}
	return 7
}

func (f *feed) close() {
	f.t.Helper()
	if f.window/60%f.every() == 0 {
		f.detector = restored(f.t, f.detector)
	}
	outs, err := f.detector.CloseWindow(f.window)
	if err != nil {
		f.t.Fatal(err)
	}
	f.outs = append(f.outs, outs...)
	f.window += 60
}

// record returns a record of a collector at t, in seconds.
func record(collector string, t int64, body any) *pb.RouteRecord {
	r := &pb.RouteRecord{Position: &pb.Position{Collector: collector, Lane: "file/test"}, TimestampUs: t * 1e6}
	switch b := body.(type) {
	case *pb.RouteChanges:
		r.Body = &pb.RouteRecord_Changes{Changes: b}
	case *pb.PeerUp:
		r.Body = &pb.RouteRecord_PeerUp{PeerUp: b}
	case *pb.PeerDown:
		r.Body = &pb.RouteRecord_PeerDown{PeerDown: b}
	case *pb.CollectorUp:
		r.Body = &pb.RouteRecord_CollectorUp{CollectorUp: b}
	case *pb.CollectorDown:
		r.Body = &pb.RouteRecord_CollectorDown{CollectorDown: b}
	case *pb.GapBegin:
		r.Body = &pb.RouteRecord_GapBegin{GapBegin: b}
	case *pb.GapEnd:
		r.Body = &pb.RouteRecord_GapEnd{GapEnd: b}
	case *pb.TableChunk:
		r.Body = &pb.RouteRecord_TableChunk{TableChunk: b}
	case *pb.EpochBegin:
		r.Body = &pb.RouteRecord_EpochBegin{EpochBegin: b}
	case *pb.CheckBegin:
		r.Body = &pb.RouteRecord_CheckBegin{CheckBegin: b}
	case *pb.CheckEnd:
		r.Body = &pb.RouteRecord_CheckEnd{CheckEnd: b}
	case *pb.RecordsLost:
		r.Body = &pb.RouteRecord_RecordsLost{RecordsLost: b}
	case *pb.Tick:
		r.Body = &pb.RouteRecord_Tick{Tick: b}
	case *pb.Clock:
		r.Body = &pb.RouteRecord_Clock{Clock: b}
	case *pb.WatchList:
		r.Position, r.Body = watchPosition(b.GetName()), &pb.RouteRecord_WatchList{WatchList: b}
	case *pb.HostAddresses:
		r.Position, r.Body = watchPosition(b.GetList()), &pb.RouteRecord_HostAddresses{HostAddresses: b}
	default:
		panic(fmt.Sprintf("a record of %T", body))
	}
	return r
}

// captured reads MRT files as ingest and enrich do, without geography, each record's time rounded
// down to the second.
func captured(t *testing.T, collector string, files ...string) []*pb.RouteRecord {
	t.Helper()
	var out []*pb.RouteRecord
	for _, name := range files {
		r, err := capture.Open(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		var dec wire.Decoder
		for {
			it, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if rec := captureRecord(&dec, collector, it); rec != nil {
				out = append(out, rec)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortStableFunc(out, func(a, b *pb.RouteRecord) int { return cmp.Compare(a.TimestampUs, b.TimestampUs) })
	return out
}

func captureRecord(dec *wire.Decoder, collector string, it *capture.Item) *pb.RouteRecord {
	at := it.Timestamp / 1e6
	peer := codec.Peer(it.Peer, netip.Addr{})
	switch it.Kind {
	case capture.State:
		switch {
		case it.NewState == bgp.Established:
			return record(collector, at, &pb.PeerUp{Peer: peer})
		case it.OldState == bgp.Established || it.NewState == bgp.Idle:
			return record(collector, at, &pb.PeerDown{Peer: peer})
		}
	case capture.Message:
		return changesRecord(dec, collector, at, it)
	case capture.PeerUp, capture.PeerDown, capture.RIB, capture.CollectorUp, capture.CollectorDown, capture.Note:
	}
	return nil
}

// changesRecord returns the record of an UPDATE; nil for other messages and unreadable ones.
func changesRecord(dec *wire.Decoder, collector string, at int64, it *capture.Item) *pb.RouteRecord {
	if it.Message[18] != 2 {
		return nil
	}
	u, err := dec.DecodeUpdate(it.Message[19:], wire.Options{ASOctets: it.ASOctets, AddPathIPv4: it.AddPathIPv4, AddPathIPv6: it.AddPathIPv6})
	if err != nil {
		return nil
	}
	path := u.Attributes.Path
	ch := &pb.RouteChanges{Peer: codec.Peer(it.Peer, netip.Addr{}), OriginAs: uint32(path.Origin()), UpstreamAs: uint32(path.Upstream())}
	for _, n := range u.Withdrawn {
		ch.Withdrawn = append(ch.Withdrawn, &pb.Route{Prefix: codec.AppendPrefix(nil, n.Prefix), PathId: n.PathID})
	}
	for _, n := range u.Announced {
		ch.Announced = append(ch.Announced, &pb.Route{Prefix: codec.AppendPrefix(nil, n.Prefix), PathId: n.PathID})
	}
	return record(collector, at, ch)
}

// final returns each outage's last record, by id.
func (f *feed) final() []*pb.OutageRecord {
	last := map[string]*pb.OutageRecord{}
	for _, o := range f.outs {
		if r, ok := o.Record.(*pb.OutageRecord); ok {
			last[r.Id] = r
		}
	}
	out := make([]*pb.OutageRecord, 0, len(last))
	for _, r := range last {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *pb.OutageRecord) int {
		return cmp.Or(cmp.Compare(a.StartS, b.StartS), cmp.Compare(a.Id, b.Id))
	})
	return out
}
