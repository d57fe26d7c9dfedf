package target

import (
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Kind is the effect of a message.
type Kind string

// The kinds of message.
const (
	// Open: the target knows nothing of the incident, or knows it as over.
	Open Kind = "open"
	// Update: the target knows the incident, and the incident has changed.
	Update Kind = "update"
	// Close: the incident is over. The routes are back only if Reason is recovered.
	Close Kind = "close"
	// TakeBack retracts a suspicion.
	TakeBack Kind = "take_back"
	// Notice: a message without a single outage: a digest, the outages open at the first start, or
	// missed outages. It opens nothing.
	Notice Kind = "notice"
	// Test: a user ran `darkmap notify test`. It opens nothing.
	Test Kind = "test"
)

// Subject is the kind of an incident.
type Subject string

// The subjects of incidents.
const (
	// SubjectOutage: outages of an entity and of its parts.
	SubjectOutage Subject = "outage"
	// SubjectBlind: no verdicts are possible.
	SubjectBlind Subject = "blind"
	// SubjectStorm: more incidents than a target should get one by one.
	SubjectStorm Subject = "storm"
	// SubjectNone: the subject of a notice or a test.
	SubjectNone Subject = "none"
)

// Message is a message to a target. Its texts are plain: without markup and not escaped. Names in
// them come from strangers, so each target must escape them for its protocol with package text. No
// text contains control characters or bidirectional marks.
type Message struct {
	// ID identifies the message. It is the same in all attempts and unique among messages. It has
	// 32 hex digits.
	ID string
	// Incident is the id of the incident's first event and never changes. It is the key by which
	// targets find their earlier messages. It has at most 255 octets, and is empty for notices and
	// tests.
	Incident string
	// Number counts the messages of this incident to this target, from 1.
	Number uint64
	Kind   Kind
	Subject
	// Route is the name of the route that matched.
	Route string
	// Time is the event time of the decision.
	Time time.Time
	// Start is the start of the incident, End its end. End is zero while the incident is open.
	Start, End time.Time
	// Severity is the highest severity of the incident's open events. After the end it is the
	// highest that the incident had.
	Severity bgp.Severity
	// Reason is the end reason of the widest event, for a Close or TakeBack.
	Reason bgp.EndReason
	// Late means that the news is older than the target's max_age. The texts mention it.
	Late bool
	// NotMeasuredSince is the time since which no verdict was possible in a family of the incident;
	// zero while verdicts are possible.
	NotMeasuredSince time.Time
	// Exercise means that the data are not live (demo, replay). The texts mention it. Such a
	// message must not page anybody.
	Exercise bool
	// Private means that the message is about watch lists that are not public. A target with the
	// trait Public gets no such message, with one exception: if a public list has become private,
	// it takes back what it showed.
	Private bool
	// Title names the entity: "North Korea", "AS131279 STAR-KP", "37 outages within 5 minutes".
	Title string
	// Headline has at most 130 graphemes. Post has at most 250 with its caveat and without the
	// link. Summary consists of whole sentences.
	Headline, Post, Summary string
	// Remainder lists in one line the parts that are still dark although the widest entity is back;
	// empty if there are none.
	Remainder string
	// Link is the URL of the incident (notify.public_url); empty if no URL is configured.
	Link string
	// Events are the newest records of the incident's events, the widest first, at most 100.
	// EventsTotal is the number of events. A target that takes records gets one event: that of the
	// record.
	Events      []bgp.Outage
	EventsTotal int
	// Record is the JSON of the record, as published on bgp.outages.v1, for targets that take
	// records; otherwise nil.
	Record []byte
}

// Key returns the key of the incident for targets that have keys: the incident's id.
func (m *Message) Key() string { return m.Incident }
