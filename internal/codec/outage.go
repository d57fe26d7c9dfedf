package codec

import (
	"encoding/json"
	"fmt"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// OutageRecord returns the record of one event in the life of an outage. decided is the time of the
// decision, in microseconds since 1970. The record has no position yet.
func OutageRecord(o *bgp.Outage, f bgp.Family, decided int64) (*pb.OutageRecord, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encoding outage %s: %w", o.ID, err)
	}
	rec := &pb.OutageRecord{
		DecidedAtUs: decided, Event: string(o.Event), Id: o.ID, Sequence: o.Sequence, Entity: Entity(o.Entity),
		Family: Family(f), StartS: o.Start.Unix(), Kind: string(o.Kind), State: string(o.State),
		Severity: string(o.Severity), Blip: o.Blip, Dataset: o.Dataset, Json: b,
		EndReason: string(o.EndReason), Successor: o.Successor, Predecessor: o.Predecessor,
	}
	if o.End != nil {
		end := o.End.Unix()
		rec.EndS = &end
	}
	return rec, nil
}
