package bgp

import (
	"strconv"
	"strings"
)

// Lane names a sequence of positions within a collector's stream. It consists of a kind and, for
// most kinds, a name after a slash. The constants and functions of this file make every lane;
// ParseLane splits one.
type Lane string

// Lanes without a name.
const (
	// LaneLive holds records of RIS Live and BMP, which cannot be read again.
	LaneLive Lane = "live"
	// LaneFollow holds records of archives that ingest follows.
	LaneFollow Lane = "follow"
	// LaneFeed holds the records that ingest writes to bgp.feeds.
	LaneFeed Lane = "feed"
	// LaneOut holds the records that detect publishes.
	LaneOut Lane = "out"
	// LaneWatch holds watch lists and the addresses of their hosts.
	LaneWatch Lane = "watch"
	// LaneClock holds the states that detect's clock gives to a collector that has vanished. No
	// topic holds these records.
	LaneClock Lane = "clock"
)

// RouteViewsLane returns the lane of a partition of a RouteViews topic. It is rv/<topic> for
// partition 0, because RouteViews topics have no other partition, else rv/<topic>/<partition>.
func RouteViewsLane(topic string, partition int32) Lane {
	if partition == 0 {
		return join(LaneKindRouteViews, topic)
	}
	return join(LaneKindRouteViews, topic+"/"+strconv.Itoa(int(partition)))
}

// TableLane returns table/<id>, the lane of the table that answers a gap or a check.
func TableLane(id string) Lane { return join(LaneKindTable, id) }

// FillLane returns fill/<gap>, the lane of the messages that are missing in a gap.
func FillLane(gap string) Lane { return join(LaneKindFill, gap) }

// FileLane returns file/<hash of the inputs>.
func FileLane(hash string) Lane { return join(LaneKindFile, hash) }

// ClockLane returns clock/<writer>, the lane of the clock records of a process. The writer is a
// lane itself if the records come from a set of files.
func ClockLane(writer string) Lane { return join(LaneKindClock, writer) }

// LostLane returns lost/<topic>/<partition>, the lane of the records that report losses in a
// partition.
func LostLane(topic string, partition int32) Lane {
	return join(LaneKindLost, topic+"/"+strconv.Itoa(int(partition)))
}

// LaneKind is the kind of a lane.
type LaneKind string

// The kinds of lane.
const (
	// LaneKindUnknown is the kind of any other lane, and of a lane without the name that its kind
	// needs. A table or fill without a name keeps its kind, because it is no live stream.
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

// ParseLane returns the kind of a lane and its name, the part after the first slash. The name of a
// lane of unknown kind is the whole lane. ParseLane allocates nothing.
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
	case LaneKindTable, LaneKindFill:
		// A lane without a name keeps its kind: it answers nothing, and it is not live.
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
