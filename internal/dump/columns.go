package dump

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
)

// kind is the type of a column's values.
type kind uint8

const (
	text   kind = iota
	number      // at most 32 bits, without sign
	flag        // true or false
	moment      // seconds since 1970 with a fraction, in Parquet microseconds
)

// scope is the part of the input that determines a column's value.
type scope uint8

const (
	ofRecord scope = iota // time, collector, peer, type: one value a record and type
	ofUpdate              // the path attributes
	ofRoute               // the prefix and the fields of its route
)

// column is one column of the tabular forms. write appends the value to dst, or nothing if it is
// absent.
type column struct {
	name  string
	kind  kind
	scope scope
	write func(dst []byte, r *row) []byte
}

// row is the input of a line.
type row struct {
	it         *capture.Item
	file       string
	collector  []byte
	peer       bgp.Peer
	id         netip.Addr
	kind       Type
	attributes *wire.Attributes // nil if the line has none
	prefix     netip.Prefix
	pathID     uint32
	hasPathID  bool
	hop        netip.Addr
	family     string // of an End-of-RIB
}

// columns are all columns, in their default order.
var columns = []column{
	{"timestamp", moment, ofRecord, func(dst []byte, r *row) []byte {
		if r.it.Timestamp == 0 {
			return dst
		}
		dst = strconv.AppendInt(dst, r.it.Timestamp/1e6, 10)
		if micros := r.it.Timestamp % 1e6; micros > 0 {
			dst = appendMicros(append(dst, '.'), micros)
		}
		return dst
	}},
	{"type", text, ofRecord, func(dst []byte, r *row) []byte { return append(dst, r.kind...) }},
	{"collector", text, ofRecord, func(dst []byte, r *row) []byte { return append(dst, r.collector...) }},
	{"peer_address", text, ofRecord, func(dst []byte, r *row) []byte {
		return appendValid(dst, r.peer.Address)
	}},
	{"peer_asn", number, ofRecord, func(dst []byte, r *row) []byte {
		return strconv.AppendUint(dst, uint64(r.peer.ASN), 10)
	}},
	{"table", text, ofRecord, func(dst []byte, r *row) []byte {
		return append(dst, tableOf(r.it, r.peer).String()...)
	}},
	{"prefix", text, ofRoute, func(dst []byte, r *row) []byte {
		if !r.prefix.IsValid() {
			return dst
		}
		return r.prefix.AppendTo(dst)
	}},
	{"path_id", number, ofRoute, func(dst []byte, r *row) []byte {
		if !r.hasPathID {
			return dst
		}
		return strconv.AppendUint(dst, uint64(r.pathID), 10)
	}},
	{"as_path", text, ofUpdate, ifAttributes(func(dst []byte, a *wire.Attributes) []byte {
		return a.Path.AppendText(dst)
	})},
	{"origin_as", number, ofUpdate, ifAttributes(func(dst []byte, a *wire.Attributes) []byte {
		if origin := a.Path.Origin(); origin != 0 {
			dst = strconv.AppendUint(dst, uint64(origin), 10)
		}
		return dst
	})},
	{"origin", text, ofUpdate, ifAttributes(func(dst []byte, a *wire.Attributes) []byte {
		if a.HasOrigin {
			dst = append(dst, origins[a.Origin]...)
		}
		return dst
	})},
	{"next_hop", text, ofRoute, func(dst []byte, r *row) []byte { return appendValid(dst, r.hop) }},
	{"local_pref", number, ofUpdate, ifAttributes(func(dst []byte, a *wire.Attributes) []byte {
		return appendIf(dst, a.HasLocalPref, a.LocalPref)
	})},
	{"med", number, ofUpdate, ifAttributes(func(dst []byte, a *wire.Attributes) []byte {
		return appendIf(dst, a.HasMED, a.MED)
	})},
	{"communities", text, ofUpdate, ifAttributes(func(dst []byte, a *wire.Attributes) []byte {
		for i, c := range a.Communities {
			dst = appendPair(spaced(dst, i), c)
		}
		return dst
	})},
	{"large_communities", text, ofUpdate, ifAttributes(func(dst []byte, a *wire.Attributes) []byte {
		for i, c := range a.LargeCommunities {
			dst = appendLarge(spaced(dst, i), c)
		}
		return dst
	})},
	{"atomic_aggregate", flag, ofUpdate, ifAttributes(func(dst []byte, a *wire.Attributes) []byte {
		return strconv.AppendBool(dst, a.AtomicAggregate)
	})},
	{"aggregator_asn", number, ofUpdate, ifAttributes(func(dst []byte, a *wire.Attributes) []byte {
		return appendIf(dst, a.HasAggregator, uint32(a.Aggregator.ASN))
	})},
	{"aggregator_address", text, ofUpdate, ifAttributes(func(dst []byte, a *wire.Attributes) []byte {
		if !a.HasAggregator {
			return dst
		}
		return appendValid(dst, a.Aggregator.Address)
	})},
	{"old_state", text, ofRecord, func(dst []byte, r *row) []byte { return appendState(dst, r.it, true) }},
	{"new_state", text, ofRecord, func(dst []byte, r *row) []byte { return appendState(dst, r.it, false) }},
	{"family", text, ofRoute, func(dst []byte, r *row) []byte { return append(dst, r.family...) }},
	{"bgp_id", text, ofRecord, func(dst []byte, r *row) []byte { return appendValid(dst, r.id) }},
	{"distinguisher", text, ofRecord, func(dst []byte, r *row) []byte {
		if r.peer.Distinguisher == 0 {
			return dst
		}
		return appendDistinguisher(dst, r.peer.Distinguisher)
	}},
	{"file", text, ofRecord, func(dst []byte, r *row) []byte { return append(dst, r.file...) }},
}

func ifAttributes(write func([]byte, *wire.Attributes) []byte) func([]byte, *row) []byte {
	return func(dst []byte, r *row) []byte {
		if r.attributes == nil {
			return dst
		}
		return write(dst, r.attributes)
	}
}

func appendIf(dst []byte, has bool, v uint32) []byte {
	if !has {
		return dst
	}
	return strconv.AppendUint(dst, uint64(v), 10)
}

func appendValid(dst []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return dst
	}
	return a.AppendTo(dst)
}

func appendState(dst []byte, it *capture.Item, before bool) []byte {
	old, now := statesOf(it)
	if before {
		now = old
	}
	if now == 0 {
		return dst
	}
	return append(dst, now.String()...)
}

func spaced(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ' ')
	}
	return dst
}

// Columns are selected columns of the tabular forms.
type Columns []column

// ParseColumns returns the columns with the given names; no name selects all columns.
func ParseColumns(chosen []string) (Columns, error) {
	if len(chosen) == 0 {
		return columns, nil
	}
	var all []string
	byName := map[string]column{}
	for _, c := range columns {
		all = append(all, c.name)
		byName[c.name] = c
	}
	var out Columns
	seen := map[string]bool{}
	for _, name := range chosen {
		c, ok := byName[name]
		switch {
		case !ok:
			return nil, fmt.Errorf("%q is not a column: the columns are %s", name, strings.Join(all, ", "))
		case seen[name]:
			return nil, fmt.Errorf("column %s is named twice", name)
		}
		seen[name] = true
		out = append(out, c)
	}
	return out, nil
}

// cells computes the values of a row by column, and passes each row to emit.
type cells struct {
	walk

	columns Columns
	names   *collectorNames
	row     row
	values  [][]byte // by column; empty is absent
	emit    func(dst []byte) []byte
}

func newCells(file, collector string, named bool, c Columns, s *Selection) cells {
	names := newCollectorNames(collector, named, func(s string) []byte { return []byte(Field(s)) })
	return cells{
		walk: walk{selection: s, endOfRIB: true}, columns: c, names: names, values: make([][]byte, len(c)),
		row: row{file: Field(file)},
	}
}

// Field escapes the characters that would end a field or a line in a text of other origin.
func Field(s string) string { return oneField.Replace(s) }

var oneField = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

// begin sets the values that the lines of one type in one record share.
func (c *cells) begin(it *capture.Item, t Type, peer bgp.Peer, id netip.Addr, a *wire.Attributes) {
	c.row = row{it: it, file: c.row.file, collector: c.names.of(it), peer: peer, id: id, kind: t, attributes: a}
	c.fill(ofRecord)
	c.fill(ofUpdate)
}

func (c *cells) fill(s scope) {
	for i := range c.columns {
		if c.columns[i].scope == s {
			c.values[i] = c.columns[i].write(c.values[i][:0], &c.row)
		}
	}
}

// line emits the row.
func (c *cells) line(dst []byte) []byte {
	c.fill(ofRoute)
	return c.emit(dst)
}

// cellsForm implements form for cells.
type cellsForm struct{ *cells }

func (c cellsForm) message(dst []byte, it *capture.Item, u *wire.Update) []byte {
	if len(u.Withdrawn) > 0 {
		c.begin(it, TypeWithdraw, it.Peer, it.BGPID, nil)
	}
	for i := range u.Withdrawn {
		c.route(it, &u.Withdrawn[i])
		dst = c.line(dst)
	}
	if len(u.Announced) > 0 {
		c.begin(it, TypeAnnounce, it.Peer, it.BGPID, &u.Attributes)
	}
	for i := range u.Announced {
		c.route(it, &u.Announced[i])
		c.row.hop = u.NextHop(u.Announced[i])
		dst = c.line(dst)
	}
	for _, family := range u.EndOfRIB {
		c.begin(it, TypeEndOfRIB, it.Peer, it.BGPID, nil)
		c.row.family = family.String()
		dst = c.line(dst)
	}
	return dst
}

func (c cellsForm) route(it *capture.Item, n *wire.NLRI) {
	c.row.prefix, c.row.pathID, c.row.hasPathID = n.Prefix, n.PathID, hasPathID(it, n)
}

func (c cellsForm) entry(
	dst []byte, it *capture.Item, e *capture.RIBEntry, u *wire.Update, hop netip.Addr,
) []byte {
	c.begin(it, TypeRIB, e.Peer, e.BGPID, &u.Attributes)
	c.row.prefix, c.row.pathID, c.row.hasPathID, c.row.hop = it.Prefix, e.PathID, e.HasPathID, hop
	return c.line(dst)
}

func (c cellsForm) state(dst []byte, it *capture.Item) []byte {
	t := TypeState
	switch it.Kind {
	case capture.PeerUp:
		t = TypePeerUp
	case capture.PeerDown:
		t = TypePeerDown
	case capture.Message, capture.State, capture.RIB, capture.CollectorUp, capture.CollectorDown, capture.Note:
	}
	c.begin(it, t, it.Peer, it.BGPID, nil)
	return c.line(dst)
}
