package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// results holds the newest state of every outage of a run. It is safe for concurrent use.
type results struct {
	mu    sync.Mutex
	byID  map[string]result
	until time.Time // event time that was reached
}

// result is an outage as the topic carries it.
type result struct {
	outage bgp.Outage
	json   []byte
}

func newResults() *results { return &results{byID: map[string]result{}} }

// add takes a record of bgp.outages and returns the outage after it.
func (r *results) add(rec *kgo.Record) (bgp.Outage, error) {
	var msg pb.OutageRecord
	if err := msg.UnmarshalVT(rec.Value); err != nil {
		return bgp.Outage{}, fmt.Errorf("decoding an outage at offset %d: %w", rec.Offset, err)
	}
	var o bgp.Outage
	if err := json.Unmarshal(msg.GetJson(), &o); err != nil {
		return bgp.Outage{}, fmt.Errorf("decoding outage %s: %w", msg.GetId(), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, ok := r.byID[o.ID]; !ok || old.outage.Sequence < o.Sequence {
		r.byID[o.ID] = result{o, msg.GetJson()}
	}
	return o, nil
}

// reached notes the event time that the run has reached.
func (r *results) reached(t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = t
}

// count returns how many outages there are by now, blips and retracted ones left out.
func (r *results) count() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.byID {
		if !x.outage.Blip && x.outage.State != bgp.StateRetracted {
			n++
		}
	}
	return n
}

// filter says which outages are printed.
type filter struct {
	From    time.Time    `help:"Only outages that end after this time (RFC 3339)." placeholder:"TIME"`
	To      time.Time    `help:"Only outages that begin before this time (RFC 3339)." placeholder:"TIME"`
	Country string       `help:"Only this country and its regions (ISO 3166-1)." placeholder:"CC"`
	ASN     string       `name:"asn" help:"Only outages of this AS or of its prefixes." placeholder:"ASN"`
	Prefix  netip.Prefix `help:"Only this prefix and those within it." placeholder:"PREFIX"`
	All     bool         `help:"Blips and retracted outages too."`
}

// check finds what the flags cannot mean.
func (f filter) check() error {
	var faults []error
	if f.ASN != "" {
		if _, err := bgp.ParseASN(f.ASN); err != nil {
			faults = append(faults, fmt.Errorf("--asn %s: want an AS number", f.ASN))
		}
	}
	if f.Country != "" && !countryCode.MatchString(f.Country) {
		faults = append(faults, fmt.Errorf("--country %s: want two letters (ISO 3166-1)", f.Country))
	}
	return errors.Join(faults...)
}

var countryCode = regexp.MustCompile(`^[A-Za-z]{2}$`)

// shows reports whether o passes.
func (f filter) shows(o bgp.Outage) bool {
	return (f.All || !o.Blip && o.State != bgp.StateRetracted) && f.inTime(o) && f.inCountry(o) && f.inAS(o) && f.inPrefix(o)
}

func (f filter) inTime(o bgp.Outage) bool {
	return (f.From.IsZero() || o.End == nil || o.End.After(f.From)) && (f.To.IsZero() || o.Start.Before(f.To))
}

func (f filter) inCountry(o bgp.Outage) bool {
	cc := strings.ToUpper(f.Country)
	return cc == "" || o.Entity.Type == bgp.EntityCountry && o.Entity.Code == cc ||
		o.Entity.Type == bgp.EntityRegion && strings.HasPrefix(o.Entity.Code, cc+"-")
}

func (f filter) inAS(o bgp.Outage) bool {
	if f.ASN == "" {
		return true
	}
	asn, err := bgp.ParseASN(f.ASN)
	if err != nil {
		return false // refused before
	}
	switch o.Entity.Type {
	case bgp.EntityAS:
		return o.Entity.Code == asn.String()
	case bgp.EntityPrefix:
		return slices.ContainsFunc(o.Origins, func(a bgp.AS) bool { return a.ASN == asn })
	default:
		return false
	}
}

func (f filter) inPrefix(o bgp.Outage) bool {
	if !f.Prefix.IsValid() {
		return true
	}
	p, err := netip.ParsePrefix(o.Entity.Code)
	return o.Entity.Type == bgp.EntityPrefix && err == nil && f.Prefix.Bits() <= p.Bits() && f.Prefix.Contains(p.Addr())
}

// sorted returns what passes the filter, by start, entity type, code, family.
func (r *results) sorted(f filter) []result {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []result
	for _, x := range r.byID {
		if !f.shows(x.outage) {
			continue
		}
		if x.outage.End == nil && r.until.After(x.outage.Start) { // its last record may be older
			x.outage.DurationSeconds = int64(r.until.Sub(x.outage.Start).Seconds())
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b result) int {
		x, y := a.outage, b.outage
		return cmp.Or(x.Start.Compare(y.Start), cmp.Compare(x.Entity.Type, y.Entity.Type), cmp.Compare(x.Entity.Code, y.Entity.Code),
			cmp.Compare(x.Family, y.Family), cmp.Compare(x.ID, y.ID))
	})
	return out
}

// writeJSON prints one object a line.
func writeJSON(w io.Writer, all []result) error {
	for _, r := range all {
		if _, err := fmt.Fprintf(w, "%s\n", r.json); err != nil {
			return err
		}
	}
	return nil
}

// outages returns the outages alone.
func outages(all []result) []bgp.Outage {
	out := make([]bgp.Outage, len(all))
	for i, r := range all {
		out[i] = r.outage
	}
	return out
}
