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
	// Traits as the target says them, with max_age and group_wait of the configuration where it has them.
	Traits target.Traits
	// Revision changes with the target's configuration, without telling its secrets. A target that was switched off is tried again when it changes.
	Revision string
}

// Delivery is all that is known of one incident at one target: the value of bgp.notify.v1 under Key, as JSON below 512 KiB. A target that takes records
// has one for each outage. There are two more sorts: a Silence, and the Switch of a target.
type Delivery struct {
	Target   string         `json:"target"`
	Incident string         `json:"incident"`
	Route    string         `json:"route,omitempty"`
	Dataset  string         `json:"dataset,omitempty"`
	Subject  target.Subject `json:"subject,omitempty"`
	// Began is when the engine made it.
	Began time.Time `json:"began"`
	// First is the sequence of the record that it was made of: the ids of its messages are made of it, so that they are the same when a lost ledger is
	// concluded again. 0: they are made of Began.
	First uint32 `json:"first,omitempty"`
	// Events are the incident's events as last seen, at most maxEvents; EventsTotal counts all that ever were.
	Events      []Event `json:"events,omitempty"`
	EventsTotal int     `json:"events_total,omitempty"`
	// Told is the state that the target was told last.
	Told Told `json:"told"`
	// Waiting is the next message; nil if there is none.
	Waiting *Waiting `json:"waiting,omitempty"`
	// Intent is a send that was begun and has no result; nil when none.
	Intent *Intent `json:"intent,omitempty"`
	// Due is when the next attempt may begin; Attempts counts those of the message that waits.
	Due       time.Time     `json:"due,omitzero"`
	Attempts  int           `json:"attempts,omitempty"`
	LastError string        `json:"last_error,omitempty"`
	Handle    target.Handle `json:"handle,omitempty"`
	// Parked says why the message that waits is given up; empty while it is not.
	Parked string `json:"parked,omitempty"`
	// ParkedNews identifies the parked news; later news is tried again.
	ParkedNews time.Time `json:"parked_news,omitzero"`
	// Opened is when the first event counted, by the records' times, Ended when the last one ended; News is the newest record's time.
	Opened time.Time `json:"opened,omitzero"`
	Ended  time.Time `json:"ended,omitzero"`
	News   time.Time `json:"news,omitzero"`
	// Hold says what holds the message back, Held the same in words, HeldUntil until when, where that is known.
	Hold      Hold      `json:"hold,omitempty"`
	Held      string    `json:"held,omitempty"`
	HeldUntil time.Time `json:"held_until,omitzero"`
	// LateBecause is the reason why the waiting message is late, for its text.
	LateBecause string `json:"late_because,omitempty"`
	// Dropped says why the incident is never told; empty where it is.
	Dropped string `json:"dropped,omitempty"`
	// FoldedInto is the older incident that its events went to.
	FoldedInto string `json:"folded_into,omitempty"`
	// Storm is the incident id of the storm that speaks for it.
	Storm string `json:"storm,omitempty"`
	// Adopted: it was open when the engine began, and the target was told so in a notice, or may know it from before.
	Adopted bool `json:"adopted,omitempty"`
	// Records are those that wait, oldest first, of a target that takes records; RecordsParked counts those that were given up.
	Records       []RecordRef `json:"records,omitempty"`
	RecordsParked int         `json:"records_parked,omitempty"`
	// Notice is the text of a delivery that is about no incident of its own.
	Notice *Notice `json:"notice,omitempty"`
	// Blind is set where Subject is blind.
	Blind *Blindness `json:"blind,omitempty"`
	// Log are the last answers, at most maxLog.
	Log []Sent `json:"log,omitempty"`
	// Silence is set where this is a silence, and Switch where it is the state of the target itself.
	Silence *Silence `json:"silence,omitempty"`
	Switch  *Switch  `json:"switch,omitempty"`
	// Tombstone: the key is to be written without a value.
	Tombstone bool `json:"-"`

	fleeting
}

// Key is the record's key on bgp.notify.v1.
func (d *Delivery) Key() string { return d.Target + "/" + d.Incident }

// seed is what tells messages of this delivery from those of an earlier one under the same key.
func (d *Delivery) seed() int64 {
	if d.First > 0 {
		return int64(d.First)
	}
	return d.Began.UnixNano()
}

// Hold is what holds a message back.
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

// Event is an outage as an incident has it.
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
	// Successor is the id of the event that goes on from it.
	Successor string `json:"successor,omitempty"`
	// Parents are the wider events, without watch lists: entity and id.
	Parents []Parent `json:"parents,omitempty"`
	// Watch are the watch lists that it is about, at most maxParents.
	Watch []string `json:"watch,omitempty"`
	// Lost is how many prefixes are lost now.
	Lost int `json:"lost,omitempty"`
	// Private: a watch list that is not public made the route take it.
	Private bool `json:"private,omitempty"`
	// From is when it counts: min_minutes after its start.
	From time.Time `json:"from,omitzero"`
	// Counted: it has counted once, and does so until it ends.
	Counted bool `json:"counted,omitempty"`
	// Seen is when the engine took the newest record.
	Seen time.Time `json:"seen"`
	// Body is the newest record, shortened to at most maxBody octets; nil for the narrowest of many.
	Body json.RawMessage `json:"body,omitempty"`
}

// Parent is a wider event.
type Parent struct {
	Type bgp.EntityType `json:"type"`
	Code string         `json:"code"`
	ID   string         `json:"id,omitempty"`
}

// Told is the state that a target was told.
type Told struct {
	// State is nothing (""), suspected, open or closed.
	State bgp.State `json:"state,omitempty"`
	// Number is that of the last message, 0 when there was none; Hash is that of its content.
	Number   uint64       `json:"number,omitempty"`
	Hash     string       `json:"hash,omitempty"`
	Severity bgp.Severity `json:"severity,omitempty"`
	At       time.Time    `json:"at,omitzero"`
	// Kind is that of the title's event: outage, partial, intermittent, moved or origin.
	Kind bgp.Kind `json:"kind,omitempty"`
	// Entity is the entity of the title, Families those in which it was dark. Rest: it was back and parts of it were not.
	Entity   string `json:"entity,omitempty"`
	Families string `json:"families,omitempty"`
	Rest     bool   `json:"rest,omitempty"`
	// Maybe: an attempt had no answer, so that the target may know of the incident.
	Maybe bool `json:"maybe,omitempty"`
}

// Waiting is the next message for a target.
type Waiting struct {
	Kind target.Kind `json:"kind"`
	// Since is when the oldest news in it was decided.
	Since time.Time `json:"since"`
}

// Intent is a send that was begun.
type Intent struct {
	MessageID string      `json:"message_id"`
	Number    uint64      `json:"number"`
	Attempt   int         `json:"attempt"`
	Kind      target.Kind `json:"kind"`
	At        time.Time   `json:"at"`
	// Said is the told state after the send has succeeded.
	Said Told `json:"said"`
	// Record is the one that is sent, of a target that takes records.
	Record *RecordRef `json:"record,omitempty"`
}

// RecordRef is a record of bgp.outages.v1 that waits for a target that takes records.
type RecordRef struct {
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Sequence  uint32    `json:"sequence"`
	State     bgp.State `json:"state"`
	At        time.Time `json:"at"`
}

// Sent is an answer.
type Sent struct {
	Number uint64      `json:"number"`
	Kind   target.Kind `json:"kind"`
	At     time.Time   `json:"at"`
	// Answer is ok, or the error.
	Answer string `json:"answer"`
}

// Notice is a message that is about no outage.
type Notice struct {
	Title    string `json:"title"`
	Headline string `json:"headline"`
	Summary  string `json:"summary"`
	Late     bool   `json:"late,omitempty"`
	Private  bool   `json:"private,omitempty"`
	// Exercise: no data in it are live.
	Exercise bool `json:"exercise,omitempty"`
}

// Blindness is the content of a blind incident.
type Blindness struct {
	Since    time.Time `json:"since"`
	Families []string  `json:"families"`
	Reason   string    `json:"reason"`
	// Unmeasured are the names of open events without a verdict, at most 20; Total counts them.
	Unmeasured []string `json:"unmeasured,omitempty"`
	Total      int      `json:"total,omitempty"`
}

// Switch is the state of a target itself.
type Switch struct {
	// Off says why nothing is sent to it; empty where something is.
	Off      string `json:"off,omitempty"`
	Revision string `json:"revision,omitempty"`
	// Digests holds by route when its last digest was made.
	Digests map[string]time.Time `json:"digests,omitempty"`
	// Began: the notice of the first run was made, or no outage was open.
	Began time.Time `json:"began,omitzero"`
}

// Silence holds messages back. Each list that is not empty has to fit.
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
