package target

import (
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Kind is the effect of a message.
type Kind string

// The kinds of message.
const (
	// Open: the target was told nothing of the incident, or that it is over.
	Open Kind = "open"
	// Update: the target knows the incident, and something of it has changed.
	Update Kind = "update"
	// Close: the incident is over. Only with Reason recovered are the routes back.
	Close Kind = "close"
	// TakeBack retracts a suspicion.
	TakeBack Kind = "take_back"
	// Notice: a message about no single outage: a digest, the outages open at the first start, the end of a silence. It opens nothing.
	Notice Kind = "notice"
	// Test: somebody asked for it with `darkmap notify test`. It opens nothing.
	Test Kind = "test"
)

// Subject is the sort of an incident.
type Subject string

// The subjects of incidents.
const (
	// SubjectOutage: outages of an entity and of its parts.
	SubjectOutage Subject = "outage"
	// SubjectBlind: nothing can be decided.
	SubjectBlind Subject = "blind"
	// SubjectStorm: more incidents than a target should be told of singly.
	SubjectStorm Subject = "storm"
	// SubjectNone: of a notice or a test.
	SubjectNone Subject = "none"
)

// Message is a message to a target. Its texts are plain: no markup, and not escaped; names in them come from strangers, so that each target
// escapes them for its protocol with package text. No text holds control characters or bidirectional marks.
type Message struct {
	// ID names the message for ever: the same through all attempts, another for the next message. 32 hex digits.
	ID string
	// Incident is the id of the incident's first event and never changes; the key by which targets find their earlier messages. At most 255 octets.
	// Empty for notices and tests.
	Incident string
	// Number counts the messages of this incident to this target, from 1.
	Number uint64
	Kind   Kind
	Subject
	// Route is the name of the route that led here.
	Route string
	// Time is when it was decided: event time.
	Time time.Time
	// Start is when the incident began, End when it was over; End is zero while it lasts.
	Start, End time.Time
	// Severity is that of the incident now, the highest of its open events; when it is over, the highest it had.
	Severity bgp.Severity
	// Reason says of a Close or TakeBack why the widest event ended.
	Reason bgp.EndReason
	// Late: the news is older than the target's max_age, and says so in its texts.
	Late bool
	// NotMeasuredSince is since when no verdict was possible in a family of the incident; zero while there are verdicts.
	NotMeasuredSince time.Time
	// Exercise: the data are not live (demo, replay). Such a message says so and must not wake anybody.
	Exercise bool
	// Private: the incident is told for watch lists that are not public. A target whose Traits say Public gets no such message, unless a list that
	// was public is not any more: then it takes back what it showed.
	Private bool
	// Title names the entity: "North Korea", "AS131279 STAR-KP", "37 outages within 5 minutes".
	Title string
	// Headline has at most 130 graphemes, Post 250 with its caveat and without the link, Summary is whole sentences.
	Headline, Post, Summary string
	// Remainder lists in one line the parts that are still dark although the widest entity is back; empty if none are.
	Remainder string
	// Link leads to the incident (notify.public_url); empty where no URL is configured.
	Link string
	// Events are the newest records of the incident's events, the widest first, at most 100; EventsTotal says how many there are.
	// A target that takes records gets one: the record that it is told of.
	Events      []bgp.Outage
	EventsTotal int
	// Record is the JSON of the one record, as published on bgp.outages.v1, for targets that take records; else nil.
	Record []byte
}

// Key returns the key under which a target that has keys keeps the incident: the incident's id.
func (m *Message) Key() string { return m.Incident }
