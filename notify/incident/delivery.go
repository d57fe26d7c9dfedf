package incident

import (
	"encoding/json"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// TargetInfo describes a configured target to the engine.
type TargetInfo struct {
	Name string
	// Traits are the traits of the target's kind. If the configuration sets max_age, they have
	// that.
	Traits target.Traits
	// Revision changes with the target's configuration and does not reveal its secrets. When it
	// changes, a target that was switched off is switched on again.
	Revision string
}

// Delivery is the state of one incident at one target. As JSON below 512 KiB it is the value of a
// record of bgp.notify.v1 under Key. A target that takes records, not incidents, has one delivery
// for each outage. Two kinds of Delivery are not about an incident: one with Silence, and one with
// the Switch of a target.
type Delivery struct {
	Target   string         `json:"target"`
	Incident string         `json:"incident"`
	Route    string         `json:"route,omitempty"`
	Dataset  string         `json:"dataset,omitempty"`
	Subject  target.Subject `json:"subject,omitempty"`
	// Began is the time at which the engine made the delivery.
	Began time.Time `json:"began"`
	// First is the sequence of the record that started the delivery. The ids of messages derive
	// from it. So they stay the same when bgp.notify.v1 was lost and the deliveries are made again.
	// If it is 0, the ids derive from Began. At a target that takes records it is 0, and each id
	// derives from its record.
	First uint32 `json:"first,omitempty"`
	// Events are the incident's events in their newest states, at most maxEvents. EventsTotal
	// counts all events that the incident ever had.
	Events      []Event `json:"events,omitempty"`
	EventsTotal int     `json:"events_total,omitempty"`
	// Told is the state in the last message to the target.
	Told Told `json:"told"`
	// Waiting is the next message; nil if there is none.
	Waiting *Waiting `json:"waiting,omitempty"`
	// Intent is an attempt to send that has no answer yet; nil if there is none.
	Intent *Intent `json:"intent,omitempty"`
	// Due is the earliest time of the next attempt. Attempts counts the attempts for the waiting
	// message.
	Due       time.Time     `json:"due,omitzero"`
	Attempts  int           `json:"attempts,omitempty"`
	LastError string        `json:"last_error,omitempty"`
	Handle    target.Handle `json:"handle,omitempty"`
	// Parked is the reason why the engine gave up the waiting message; empty if it did not.
	Parked string `json:"parked,omitempty"`
	// ParkedNews is the value of News when the engine gave up the message. A message with later
	// news is sent.
	ParkedNews time.Time `json:"parked_news,omitzero"`
	// Opened is the time of the record with which the first event met min_minutes (Event.From).
	// Ended is the time of the record with which the last event ended. News is the time of the
	// newest record.
	Opened time.Time `json:"opened,omitzero"`
	Ended  time.Time `json:"ended,omitzero"`
	News   time.Time `json:"news,omitzero"`
	// Hold is the reason why the message is held back. Held is the reason in words. HeldUntil is
	// the end of the hold, if known.
	Hold      Hold      `json:"hold,omitempty"`
	Held      string    `json:"held,omitempty"`
	HeldUntil time.Time `json:"held_until,omitzero"`
	// LateBecause is the reason why the waiting message is late. The text of the message has it.
	LateBecause string `json:"late_because,omitempty"`
	// Dropped is the reason why the target never gets the incident; empty if it may get it.
	Dropped string `json:"dropped,omitempty"`
	// FoldedInto is the id of the older incident that took over the events of this one.
	FoldedInto string `json:"folded_into,omitempty"`
	// Storm is the incident id of the storm that includes this incident.
	Storm string `json:"storm,omitempty"`
	// Adopted means that the incident began before the engine's first start, or before the target's
	// first delivery. In the first case a notice named it, or the target may know it from before.
	// In the second case the target gets only the close.
	Adopted bool `json:"adopted,omitempty"`
	// Records are the waiting records of a target that takes records, oldest first. RecordsParked
	// counts the records that were given up.
	Records       []RecordRef `json:"records,omitempty"`
	RecordsParked int         `json:"records_parked,omitempty"`
	// Notice is the text of a message that is not about one incident.
	Notice *Notice `json:"notice,omitempty"`
	// Blind is the content of a blind incident: one that reports that no verdicts are possible.
	Blind *Blindness `json:"blind,omitempty"`
	// Log holds the last answers, at most maxLog.
	Log []Sent `json:"log,omitempty"`
	// Silence is set if the Delivery is a silence. Switch is set if it is the state of the target
	// itself.
	Silence *Silence `json:"silence,omitempty"`
	Switch  *Switch  `json:"switch,omitempty"`
	// Tombstone means that the caller writes the key without a value, which deletes it.
	Tombstone bool `json:"-"`

	fleeting
}

// Key returns the record's key on bgp.notify.v1.
func (d *Delivery) Key() string { return d.Target + "/" + d.Incident }

// seed distinguishes messages of this delivery from those of an earlier delivery under the same
// key.
func (d *Delivery) seed() int64 {
	if d.First > 0 {
		return int64(d.First)
	}
	return d.Began.UnixNano()
}

// Hold is the kind of hold on a message.
type Hold string

// The holds.
const (
	NotHeld     Hold = ""
	HoldGroup   Hold = "group_wait"
	HoldMinutes Hold = "min_minutes"
	HoldQuiet   Hold = "quiet_hours"
	HoldSilence Hold = "silence"
	HoldDigest  Hold = "digest"
	HoldStorm   Hold = "storm"
)

// Event is an outage in an incident.
type Event struct {
	ID       string         `json:"id"`
	Type     bgp.EntityType `json:"type"`
	Code     string         `json:"code"`
	Family   string         `json:"family"`
	Kind     bgp.Kind       `json:"kind,omitempty"`
	State    bgp.State      `json:"state"`
	Severity bgp.Severity   `json:"severity,omitempty"`
	Sequence uint32         `json:"sequence"`
	Start    time.Time      `json:"start"`
	End      time.Time      `json:"end,omitzero"`
	Reason   bgp.EndReason  `json:"reason,omitempty"`
	// Successor is the id of the event that continues this one.
	Successor string `json:"successor,omitempty"`
	// Parents are the wider events, by entity and id, without those of watch lists.
	Parents []Parent `json:"parents,omitempty"`
	// Watch holds the watch lists with members in this event, at most maxParents.
	Watch []string `json:"watch,omitempty"`
	// Lost is the number of prefixes that are lost now.
	Lost int `json:"lost,omitempty"`
	// Private means that the event must not reach public targets. The event has one of these
	// properties: its entity is a watch list that is not public; it is of kind origin and no public
	// list has its prefix; or the route matched it only through lists that are not public.
	Private bool `json:"private,omitempty"`
	// From is the time from which the event counts: it can cause messages from then on. It is
	// min_minutes after the start of the event.
	From time.Time `json:"from,omitzero"`
	// Counted means that the event has begun to count. It then counts until it ends.
	Counted bool `json:"counted,omitempty"`
	// Seen is the time at which the engine processed the newest record.
	Seen time.Time `json:"seen"`
	// Body is the newest record, shortened to at most maxBody octets. If an incident has many
	// events, it is nil for the narrowest.
	Body json.RawMessage `json:"body,omitempty"`
}

// Parent is a wider event.
type Parent struct {
	Type bgp.EntityType `json:"type"`
	Code string         `json:"code"`
	ID   string         `json:"id,omitempty"`
}

// Told is the state of an incident in a message to a target.
type Told struct {
	// State is suspected, open, closed, or "" if no message was sent.
	State bgp.State `json:"state,omitempty"`
	// Number is the number of the last message, 0 if there was none. Hash is the hash of its
	// content.
	Number   uint64       `json:"number,omitempty"`
	Hash     string       `json:"hash,omitempty"`
	Severity bgp.Severity `json:"severity,omitempty"`
	At       time.Time    `json:"at,omitzero"`
	// Kind is the kind of the title's event: outage, partial, intermittent, moved or origin.
	Kind bgp.Kind `json:"kind,omitempty"`
	// Entity is the entity in the title of the message. Families are the families in which it was
	// dark. Rest means that the entity was back and parts of it were not.
	Entity   string `json:"entity,omitempty"`
	Families string `json:"families,omitempty"`
	Rest     bool   `json:"rest,omitempty"`
	// Maybe means that an attempt to send had no answer. The target may know the incident.
	Maybe bool `json:"maybe,omitempty"`
}

// Waiting is the next message for a target.
type Waiting struct {
	Kind target.Kind `json:"kind"`
	// Since is the time at which the engine decided to send the oldest news in the message.
	Since time.Time `json:"since"`
}

// Intent is an attempt to send that was started.
type Intent struct {
	MessageID string      `json:"message_id"`
	Number    uint64      `json:"number"`
	Attempt   int         `json:"attempt"`
	Kind      target.Kind `json:"kind"`
	At        time.Time   `json:"at"`
	// Said becomes Told if the target accepts the message.
	Said Told `json:"said"`
	// Record is the record in the message, at a target that takes records.
	Record *RecordRef `json:"record,omitempty"`
}

// RecordRef refers to a record of bgp.outages.v1 that waits for a target that takes records.
type RecordRef struct {
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Sequence  uint32    `json:"sequence"`
	State     bgp.State `json:"state"`
	At        time.Time `json:"at"`
}

// Sent is the answer to an attempt to send.
type Sent struct {
	Number uint64      `json:"number"`
	Kind   target.Kind `json:"kind"`
	At     time.Time   `json:"at"`
	// Answer is ok or the error.
	Answer string `json:"answer"`
}

// Notice is a message that is not about an outage.
type Notice struct {
	Title    string `json:"title"`
	Headline string `json:"headline"`
	Summary  string `json:"summary"`
	Late     bool   `json:"late,omitempty"`
	Private  bool   `json:"private,omitempty"`
	// Exercise means that the message contains no live data.
	Exercise bool `json:"exercise,omitempty"`
}

// Blindness is the content of a blind incident.
type Blindness struct {
	Since    time.Time `json:"since"`
	Families []string  `json:"families"`
	Reason   string    `json:"reason"`
	// Unmeasured holds the ids of open events in a family without a verdict, at most 20. Total
	// counts all such events.
	Unmeasured []string `json:"unmeasured,omitempty"`
	Total      int      `json:"total,omitempty"`
}

// Switch is the state of a target itself.
type Switch struct {
	// Off is the reason why the target is switched off; empty if it is on.
	Off      string `json:"off,omitempty"`
	Revision string `json:"revision,omitempty"`
	// Digests holds the time of the last digest by route.
	Digests map[string]time.Time `json:"digests,omitempty"`
	// Began is the time at which the engine first made the target's state.
	Began time.Time `json:"began,omitzero"`
}

// Silence holds messages back. It applies to an event if each list matches it. An empty list
// matches all.
type Silence struct {
	ID     string    `json:"id"`
	Watch  []string  `json:"watch,omitempty"`
	Codes  []string  `json:"codes,omitempty"`
	Types  []string  `json:"types,omitempty"`
	Routes []string  `json:"routes,omitempty"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason,omitempty"`
	Who    string    `json:"who,omitempty"`
}
