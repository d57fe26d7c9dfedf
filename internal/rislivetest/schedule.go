package rislivetest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
)

// Event is a message or a change of state that a collector receives.
type Event struct {
	// At is the time of the event since the start of the schedule.
	At time.Duration
	// Host is the collector's short name, such as rrc00.
	Host string
	Peer bgp.Peer
	// Message is the whole BGP message, marker included; nil for a change of the session's state to
	// State.
	Message  []byte
	ASOctets uint8
	State    bgp.FSMState
}

// Schedule is a sequence of events to play, in order.
type Schedule struct {
	Events []Event
	Length time.Duration
	// FileLength is the time span of an updates file in its archives; 0 is RIS's 5 minutes.
	FileLength time.Duration
	// DumpEvery is the time between two table dumps in its archives; 0 is one dump at the start.
	DumpEvery time.Duration

	tables map[string]table // at the start, by host; a missing table is empty
}

// Read creates a schedule from captures, read one after the other. Messages of an MRT file go to
// one of hosts by their peer, messages that name their collector to that collector. Read ignores
// damaged records and tables.
func Read(hosts []string, files ...string) (*Schedule, error) {
	r := reader{s: &Schedule{}, hosts: hosts, byPeer: map[bgp.Peer]string{}}
	for _, path := range files {
		if err := r.file(path); err != nil {
			return nil, err
		}
	}
	return r.schedule()
}

// ReadEach creates a schedule from the MRT files of each host. Table dumps among them give the
// routes that the peers hold at the start. The schedule begins at the time of the first record.
func ReadEach(files map[string][]string) (*Schedule, error) {
	r := reader{s: &Schedule{tables: map[string]table{}}}
	for _, h := range slices.Sorted(maps.Keys(files)) {
		r.hosts, r.byPeer, r.table = []string{h}, map[bgp.Peer]string{}, table{}
		r.s.tables[h] = r.table
		for _, path := range files[h] {
			if err := r.file(path); err != nil {
				return nil, err
			}
		}
	}
	return r.schedule()
}

// reader creates a schedule from captures.
type reader struct {
	s      *Schedule
	hosts  []string
	byPeer map[bgp.Peer]string
	table  table // nil: tables are ignored
	first  int64
	decode wire.Decoder
}

func (r *reader) file(path string) error {
	c, err := capture.Open(path, nil)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // only read
	for {
		it, err := c.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || it.Timestamp == 0 {
			continue
		}
		isTable := it.Kind == capture.RIB && r.table != nil
		if !isTable && it.Kind != capture.Message && it.Kind != capture.State {
			continue
		}
		if r.first == 0 {
			r.first = it.Timestamp
		}
		if isTable {
			if err := r.table.rib(&r.decode, it); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			continue
		}
		at := max(0, time.Duration(it.Timestamp-r.first)*time.Microsecond)
		r.s.Events = append(r.s.Events, event(it, at, host(r.hosts, r.byPeer, it)))
		r.s.Length = max(r.s.Length, at)
	}
}

func (r *reader) schedule() (*Schedule, error) {
	if len(r.s.Events) == 0 {
		return nil, errors.New("no message in any file")
	}
	r.s.sort()
	return r.s, nil
}

func (s *Schedule) sort() {
	slices.SortStableFunc(s.Events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
}

func host(hosts []string, byPeer map[bgp.Peer]string, it *capture.Item) string {
	if len(it.Collector) > 4 {
		return it.Collector[len("ris/"):]
	}
	h, ok := byPeer[it.Peer]
	if !ok {
		h = hosts[len(byPeer)%len(hosts)]
		byPeer[it.Peer] = h
	}
	return h
}

func event(it *capture.Item, at time.Duration, host string) Event {
	e := Event{At: at, Host: host, Peer: it.Peer, State: it.NewState}
	if it.Kind == capture.Message {
		e.Message, e.ASOctets = bytes.Clone(it.Message), it.ASOctets
	}
	return e
}

// Loop repeats the schedule up to the given length, or cuts it there.
func (s *Schedule) Loop(length time.Duration) *Schedule {
	out := *s
	out.Events, out.Length = nil, length
	for round := time.Duration(0); ; round += s.Length + time.Second {
		for _, e := range s.Events {
			if e.At += round; e.At >= length {
				return &out
			}
			out.Events = append(out.Events, e)
		}
	}
}

// Hosts lists the collectors of the events, in order.
func (s *Schedule) Hosts() []string {
	seen := map[string]bool{}
	var all []string
	for i := range s.Events {
		if h := s.Events[i].Host; !seen[h] {
			seen[h] = true
			all = append(all, h)
		}
	}
	slices.Sort(all)
	return all
}

// Burst returns a schedule of one peer of host that announces n x 10 prefixes in n messages within
// a second.
func Burst(host string, n int) *Schedule {
	s := &Schedule{Length: time.Second}
	peer := bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, 2, 1}), ASN: 64500}
	for i := range n {
		at := time.Duration(i) * time.Second / time.Duration(n)
		s.Events = append(s.Events, Event{At: at, Host: host, Peer: peer, Message: announce(i*10, 10), ASOctets: 4})
	}
	return s
}

// announce returns an UPDATE of count /24s of 10.0.0.0/8 and the addresses after it, from number
// first on.
func announce(first, count int) []byte {
	u := wire.PlainUpdate{
		Attributes: wire.PlainAttributes{
			Path: []bgp.ASN{64500, 64501, 64502}, NextHop: netip.AddrFrom4([4]byte{192, 0, 2, 1}),
		},
	}
	for i := first; i < first+count; i++ {
		u.Announced = append(u.Announced,
			netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(10 + i>>16), byte(i >> 8), byte(i)}), 24))
	}
	b, err := wire.AppendUpdate(nil, u)
	if err != nil {
		panic(err) // count is too large for one message
	}
	return b
}

// Quiet returns a schedule of only KEEPALIVEs, one a second from a peer of each host: a live feed.
func Quiet(hosts []string, length time.Duration) *Schedule {
	s := &Schedule{Length: length}
	keepalive := wire.AppendMessage(nil, wire.MessageKeepalive, nil)
	for at := time.Duration(0); at < length; at += time.Second {
		for _, h := range hosts {
			peer := bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, 2, 1}), ASN: 64500}
			s.Events = append(s.Events, Event{At: at, Host: h, Peer: peer, Message: keepalive, ASOctets: 4})
		}
	}
	return s
}

// Then returns the schedule followed by another one.
func (s *Schedule) Then(o *Schedule) *Schedule {
	out := *s
	out.Events, out.Length = slices.Clone(s.Events), s.Length+o.Length
	for _, e := range o.Events {
		e.At += s.Length
		out.Events = append(out.Events, e)
	}
	return &out
}

// Beside returns the schedule with the events of another one added at their times, and with the
// tables of its hosts.
func (s *Schedule) Beside(o *Schedule) *Schedule {
	out := *s
	out.Events, out.Length = slices.Concat(s.Events, o.Events), max(s.Length, o.Length)
	out.tables = maps.Clone(s.tables)
	if out.tables == nil {
		out.tables = map[string]table{}
	}
	maps.Copy(out.tables, o.tables)
	out.sort()
	return &out
}

// Renamed returns the schedule with other names of its hosts.
func (s *Schedule) Renamed(name func(host string) string) *Schedule {
	out := *s
	out.Events, out.tables = slices.Clone(s.Events), map[string]table{}
	for i := range out.Events {
		out.Events[i].Host = name(out.Events[i].Host)
	}
	for host, t := range s.tables {
		out.tables[name(host)] = t
	}
	return &out
}
