package bgp

import (
	"strconv"
	"strings"
)

// Lane names a sequence of positions within a collector's stream: a kind, and for most kinds a name
// after a slash. The constants and functions of this file make every lane; ParseLane takes one
// apart.
type Lane string

// The lanes that have no name.
const (
	// LaneLive: records of RIS Live and BMP, which cannot be read again.
	LaneLive Lane = "live"
	// LaneFollow: records of archives that are followed.
	LaneFollow Lane = "follow"
	// LaneFeed: what ingest writes to bgp.feeds.
	LaneFeed Lane = "feed"
	// LaneOut: what detect publishes.
	LaneOut Lane = "out"
	// LaneWatch: watch lists and the addresses of their hosts.
	LaneWatch Lane = "watch"
	// LaneClock: what detect's clock says of a collector that has vanished. No topic holds it.
	LaneClock Lane = "clock"
)

// RouteViewsLane is rv/<topic> for partition 0 of a topic of RouteViews, which has no other, else
// rv/<topic>/<partition>.
func RouteViewsLane(topic string, partition int32) Lane {
	if partition == 0 {
		return join(LaneKindRouteViews, topic)
	}
	return join(LaneKindRouteViews, topic+"/"+strconv.Itoa(int(partition)))
}

// TableLane is table/<id>: the table that answers a gap or a check.
func TableLane(id string) Lane { return join(LaneKindTable, id) }

// FillLane is fill/<gap>: the messages that a gap lacked.
func FillLane(gap string) Lane { return join(LaneKindFill, gap) }

// FileLane is file/<hash of the inputs>.
func FileLane(hash string) Lane { return join(LaneKindFile, hash) }

// ClockLane is clock/<writer>: the clock records of a process or, where the writer is itself a lane,
// of a set of files.
func ClockLane(writer string) Lane { return join(LaneKindClock, writer) }

// LostLane is lost/<topic>/<partition>: what was lost of a partition.
func LostLane(topic string, partition int32) Lane {
	return join(LaneKindLost, topic+"/"+strconv.Itoa(int(partition)))
}

// LaneKind is the kind of a lane.
type LaneKind string

// The kinds of lane.
const (
	// LaneKindUnknown: none of the others, or without the name that its kind needs. A table or fill
	// without a name keeps its kind: it is no live stream.
	LaneKindUnknown    LaneKind = ""
	LaneKindLive       LaneKind = "live"
	LaneKindFollow     LaneKind = "follow"
	LaneKindFeed       LaneKind = "feed"
	LaneKindOut        LaneKind = "out"
	LaneKindWatch      LaneKind = "watch"
	LaneKindClock      LaneKind = "clock"
	LaneKindRouteViews LaneKind = "rv"
	LaneKindTable      LaneKind = "table"
	LaneKindFill       LaneKind = "fill"
	LaneKindFile       LaneKind = "file"
	LaneKindLost       LaneKind = "lost"
)

// ParseLane returns the kind of a lane, and its name: what follows the first slash. Of a lane of an
// unknown kind the name is the whole lane. It allocates nothing.
func ParseLane[S ~string](lane S) (kind LaneKind, name string) {
	before, after, named := strings.Cut(string(lane), "/")
	switch kind = LaneKind(before); kind {
	case LaneKindLive, LaneKindFollow, LaneKindFeed, LaneKindOut, LaneKindWatch:
		if !named {
			return kind, ""
		}
	case LaneKindClock:
		if !named || after != "" {
			return kind, after
		}
	case LaneKindTable, LaneKindFill: // without a name too: it is part of no answer, and no live record
		if named {
			return kind, after
		}
	case LaneKindRouteViews, LaneKindFile, LaneKindLost:
		if after != "" {
			return kind, after
		}
	case LaneKindUnknown:
	}
	return LaneKindUnknown, string(lane)
}

// Kind returns the kind of the lane.
func (l Lane) Kind() LaneKind {
	kind, _ := ParseLane(l)
	return kind
}

func join(kind LaneKind, name string) Lane { return Lane(string(kind) + "/" + name) }
