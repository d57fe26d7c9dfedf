package codec

import (
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// RecordsLost returns a record of bgp.routes for the lost records [from, to) of a partition of a
// topic. They were lost between since and until; a zero time is unknown.
func RecordsLost(topic string, partition int32, from, to int64, since, until time.Time) *pb.RouteRecord {
	lost := &pb.RecordsLost{Topic: topic, FromOffset: from, ToOffset: to}
	if !since.IsZero() {
		lost.SinceUs = since.UnixMicro()
	}
	if !until.IsZero() {
		lost.UntilUs = until.UnixMicro()
	}
	return &pb.RouteRecord{
		Position: &pb.Position{Lane: string(bgp.LostLane(topic, partition)), Sequence: uint64(to)},
		Body:     &pb.RouteRecord_RecordsLost{RecordsLost: lost},
	}
}
