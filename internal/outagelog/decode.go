package outagelog

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// Decode decodes a record of bgp.outages.v1. It returns the outage, with its Previous, and the
// event time of the decision. The error names the record that cannot be decoded.
func Decode(rec *kgo.Record) (Entry, time.Time, error) {
	var msg pb.OutageRecord
	if err := msg.UnmarshalVT(rec.Value); err != nil {
		return Entry{}, time.Time{}, fmt.Errorf("decoding an outage at offset %d: %w", rec.Offset, err)
	}
	e := Entry{JSON: msg.GetJson()}
	if err := json.Unmarshal(e.JSON, &e.Outage); err != nil {
		return Entry{}, time.Time{}, fmt.Errorf("decoding outage %s: %w", msg.GetId(), err)
	}
	return e, time.UnixMicro(msg.GetDecidedAtUs()).UTC(), nil
}
