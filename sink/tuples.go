package sink

import (
	"github.com/ClickHouse/ch-go/proto"

	"github.com/darkmap/darkmap/internal/bgp"
)

// tuples is a column Array(Tuple(...)). fields holds the tuples' columns, offsets the end of each
// row in them.
type tuples struct {
	offsets *proto.ColUInt64
	fields  proto.ColTuple
}

// Type returns Array(Tuple(...)) with the names of the fields.
func (c tuples) Type() proto.ColumnType { return proto.ColumnTypeArray.Sub(c.fields.Type()) }

// Rows returns the number of arrays.
func (c tuples) Rows() int { return c.offsets.Rows() }

// Prepare implements proto.Preparable.
func (c tuples) Prepare() error { return c.fields.Prepare() }

// EncodeColumn implements proto.ColInput.
func (c tuples) EncodeColumn(b *proto.Buffer) {
	c.offsets.EncodeColumn(b)
	c.fields.EncodeColumn(b)
}

// WriteColumn implements proto.ColInput.
func (c tuples) WriteColumn(w *proto.Writer) {
	c.offsets.WriteColumn(w)
	c.fields.WriteColumn(w)
}

// Reset empties the column and keeps its memory.
func (c tuples) Reset() {
	c.offsets.Reset()
	c.fields.Reset()
}

// ends appends a row that ends after the n tuples appended so far.
func ends(offsets *proto.ColUInt64, n int) { offsets.Append(uint64(n)) }

// parentColumn is the column parents.
type parentColumn struct {
	offsets      proto.ColUInt64
	kind, code   proto.ColStr
	id           proto.ColStr
	sharePercent proto.ColFloat64
}

func (c *parentColumn) column() tuples {
	return tuples{&c.offsets, proto.ColTuple{
		proto.Named(&c.kind, "type"), proto.Named(&c.code, "code"), proto.Named(&c.id, "id"),
		proto.Named(&c.sharePercent, "share_percent"),
	}}
}

// add appends a row.
func (c *parentColumn) add(all []bgp.Parent) {
	for _, p := range all {
		c.kind.Append(p.Type.String())
		c.code.Append(p.Code)
		c.id.Append(p.ID)
		c.sharePercent.Append(float64(p.SharePercent) / 100)
	}
	ends(&c.offsets, c.id.Rows())
}

// watchColumn is the column watch.
type watchColumn struct {
	offsets           proto.ColUInt64
	list, title       proto.ColStr
	member, coveredBy proto.ColStr
	public            proto.ColBool
}

func (c *watchColumn) column() tuples {
	return tuples{&c.offsets, proto.ColTuple{
		proto.Named(&c.list, "list"), proto.Named(&c.title, "title"), proto.Named(&c.member, "member"),
		proto.Named(&c.coveredBy, "covered_by"), proto.Named(&c.public, "public"),
	}}
}

// add appends a row.
func (c *watchColumn) add(all []bgp.WatchMember) {
	for i := range all {
		m := &all[i]
		c.list.Append(m.List)
		c.title.Append(m.Title)
		c.member.Append(m.Member)
		c.coveredBy.Append(m.CoveredBy)
		c.public.Append(m.Public)
	}
	ends(&c.offsets, c.list.Rows())
}

// unexpectedColumn is the column unexpected.
type unexpectedColumn struct {
	offsets                    proto.ColUInt64
	prefix, rpki               proto.ColStr
	origin, voters, collectors proto.ColUInt32
	expected                   *proto.ColArr[uint32]
	sharePercent               proto.ColFloat64
}

func newUnexpectedColumn() unexpectedColumn {
	return unexpectedColumn{expected: new(proto.ColUInt32).Array()}
}

func (c *unexpectedColumn) column() tuples {
	return tuples{&c.offsets, proto.ColTuple{
		proto.Named(&c.prefix, "prefix"), proto.Named(&c.origin, "origin"),
		proto.Named(c.expected, "expected"), proto.Named(&c.voters, "voters"),
		proto.Named(&c.collectors, "collectors"), proto.Named(&c.sharePercent, "share_percent"),
		proto.Named(&c.rpki, "rpki"),
	}}
}

// add appends a row.
func (c *unexpectedColumn) add(all []bgp.UnexpectedRoute) {
	for i := range all {
		u := &all[i]
		c.prefix.Append(u.Prefix)
		c.origin.Append(uint32(u.Origin.ASN))
		expected := make([]uint32, len(u.Expected))
		for j, a := range u.Expected {
			expected[j] = uint32(a)
		}
		c.expected.Append(expected)
		c.voters.Append(uint32(u.Voters))
		c.collectors.Append(uint32(u.Collectors))
		c.sharePercent.Append(float64(u.SharePercent) / 100)
		c.rpki.Append(u.RPKI)
	}
	ends(&c.offsets, c.prefix.Rows())
}
