package sink

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strconv"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Tolerances between the times of one message, in microseconds. RIS Live rounds times to 10 ms. The
// time of a BMP message or of an archive may have lost its fraction of a second. A fill extends
// beyond its gap by coarseTolerance (ingest.stream.same_message), so that a row near the gap is not
// mistaken for a missing one.
const (
	fineTolerance   = int64(20 * time.Millisecond / time.Microsecond)
	coarseTolerance = int64(time.Second / time.Microsecond)
)

// A source is a lane, or an epoch of lane live. It writes each message of a collector at most once.
// The type is comparable.
type source struct {
	lane  bgp.Lane
	epoch uint64 // only of lane live; otherwise 0
}

// sourceOf returns the source of a position's lane and epoch.
func sourceOf(lane bgp.Lane, epoch uint64) source {
	if lane != bgp.LaneLive {
		epoch = 0
	}
	return source{lane, epoch}
}

// archived reports whether the source reads archives, whose times are those of the files.
func (s source) archived() bool { return s.lane.Kind() == bgp.LaneKindFill || s.lane == bgp.LaneFollow }

// offByFraction reports whether the source's times may have lost all or part of their fraction of a
// second.
func (s source) offByFraction() bool { return s.lane.Kind() == bgp.LaneKindRouteViews }

// isFile reports whether the source plays files. A dataset of files has one source for each
// collector.
func (s source) isFile() bool { return s.lane.Kind() == bgp.LaneKindFile }

// change is the content of a row without its time and position.
type change struct {
	peer    string // the address as text
	peerASN uint32
	table   int8
	pathID  uint32
	safi    int8
	kind    int8
	prefix  string
	path    string // as text
}

// changeKey hashes changes. Equal changes have equal keys during the life of a process.
type changeKey struct {
	seed maphash.Seed
	buf  []byte
}

func (k *changeKey) of(c *change) uint64 {
	b := binary.LittleEndian.AppendUint32(k.buf[:0], c.peerASN)
	b = binary.LittleEndian.AppendUint32(b, c.pathID)
	b = append(b, byte(c.table), byte(c.safi), byte(c.kind))
	b = append(append(b, c.peer...), ' ')
	b = append(append(b, c.prefix...), ' ')
	b = append(b, c.path...)
	k.buf = b
	return maphash.Bytes(k.seed, k.buf)
}

// rowName returns the first 8 octets of the SHA-256 of a row's position, big endian; it is never 0.
// In SQL:
//
//	reinterpretAsUInt64(reverse(substring(SHA256(concat(collector, '\n', lane, '\n',
//	  toString(epoch), '\n', toString(sequence), '\n', toString(idx))), 1, 8)))
func rowName(collector string, lane bgp.Lane, epoch, sequence uint64, idx uint32) uint64 {
	b := make([]byte, 0, 128)
	b = append(append(b, collector...), '\n')
	b = append(append(b, lane...), '\n')
	b = append(strconv.AppendUint(b, epoch, 10), '\n')
	b = append(strconv.AppendUint(b, sequence, 10), '\n')
	b = strconv.AppendUint(b, uint64(idx), 10)
	sum := sha256.Sum256(b)
	return max(binary.BigEndian.Uint64(sum[:]), 1)
}

// candidate is a row that a row of the window's source may repeat.
type candidate struct {
	at     int64 // microseconds
	name   uint64
	source source
	paired bool // a row of the window's source repeats it
}

// near compares the times of rows of two sources. is reports whether the rows may show the same
// message. same reports whether the times are also equal except for rounding. Rows of two streams,
// or of two archives, must have times that are equal except for rounding. A whole second in an
// archive is the start of the second in which the message arrived.
func near(s source, at int64, c *candidate) (is, same bool) {
	apart := max(c.at-at, at-c.at)
	if s.archived() == c.source.archived() {
		return apart <= fineTolerance, true
	}
	archive, stream, of := c.at, at, s
	if s.archived() {
		archive, stream, of = at, c.at, c.source
	}
	switch {
	case of.offByFraction():
		return apart <= coarseTolerance, apart <= fineTolerance
	case archive%coarseTolerance == 0:
		return stream >= archive && apart <= coarseTolerance, false
	}
	return apart <= fineTolerance, true
}

// window is for the rows of one source of a collector with times from lo until before hi
// (microseconds). It holds the rows that these may repeat: rows of the other sources that repeat no
// row themselves.
type window struct {
	collector string
	source    source
	lo, hi    int64
	rows      map[uint64][]candidate // by changeKey, in order of time
	added     int                    // rows added after the window was read
	lastUse   uint64                 // value of earlierRows.uses at the last use
}

func newWindow(collector string, s source, lo, hi int64) *window {
	return &window{collector: collector, source: s, lo: lo, hi: hi, rows: map[uint64][]candidate{}}
}

// covers reports whether the window has all rows that a row at time at may repeat.
func (w *window) covers(at int64) bool { return w.lo <= at && at < w.hi }

// reaches reports whether a row of the window's source may repeat a row of another source at time
// at.
func (w *window) reaches(at int64) bool {
	return w.lo-coarseTolerance <= at && at < w.hi+coarseTolerance
}

// add adds a row of another source.
func (w *window) add(key uint64, c candidate) {
	list := w.rows[key]
	i, _ := slices.BinarySearchFunc(list, c, func(a, b candidate) int {
		if a.at <= b.at {
			return -1 // after rows of the same time, in the order of the log
		}
		return 1
	})
	w.rows[key] = slices.Insert(list, i, c)
}

// pair pairs a row of the window's source at time at with one row that it repeats, and returns the
// name of that row, or 0. A row is paired once, as a peer may send the same message twice. Rows of
// a source come in order of time, so the earliest row that is not paired gives the most pairs. A
// row of the same time takes precedence over a row that is only near.
func (w *window) pair(key uint64, at int64) uint64 {
	list := w.rows[key]
	best := -1
	for i := range list {
		if list[i].paired {
			continue
		}
		is, same := near(w.source, at, &list[i])
		if is && (same || best < 0) {
			best = i
		}
		if is && same {
			break
		}
	}
	if best < 0 {
		return 0
	}
	list[best].paired = true
	return list[best].name
}

// markPaired marks the rows, by their names, that rows of the window's source already repeat.
func (w *window) markPaired(names map[uint64]bool) {
	if len(names) == 0 {
		return
	}
	for _, list := range w.rows {
		for i := range list {
			list[i].paired = list[i].paired || names[list[i].name]
		}
	}
}
