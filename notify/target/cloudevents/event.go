package cloudevents

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/text"
)

const (
	// maxEvent bounds an event, in octets. Every intermediary must forward events of this size
	// (CloudEvents 1.0.2, Size Limits).
	maxEvent = 64 << 10
	// typePrefix precedes the name of an event: net.darkmap.outage.opened.
	typePrefix = "net.darkmap."
	// schema identifies schemas/outage.schema.json.
	schema = "urn:darkmap:schema:outage:v1"

	typeJSON  = "application/json"
	typeEvent = "application/cloudevents+json; charset=UTF-8"
)

// attribute is a context attribute: its name and its value as text.
type attribute struct{ name, value string }

// event is an event: its context attributes without datacontenttype, and its data in JSON.
type event struct {
	attributes []attribute
	data       []byte
	// key is the outage's id, by which events keep their order.
	key string
}

// makeEvent makes the event of a message. The same message makes the same event.
func makeEvent(m *target.Message, source string) (*event, error) {
	e := &event{key: m.Incident}
	add := func(name, value string) {
		// The type String has no control characters (CloudEvents 1.0.2, Type System).
		if value = text.Line(value); value != "" {
			e.attributes = append(e.attributes, attribute{name, value})
		}
	}
	add("specversion", "1.0")
	add("type", typePrefix+m.Event())
	add("source", source)
	id, subject, sequence, dataSchema := m.ID, string(m.Subject), m.Number, ""
	if m.Record != nil && len(m.Events) > 0 {
		o := &m.Events[0]
		e.key, dataSchema, sequence = o.ID, schema, uint64(o.Sequence)
		id, subject = fmt.Sprintf("%s/%d", o.ID, o.Sequence), o.Entity.Type.String()+"/"+o.Entity.Code
	}
	add("id", id)
	add("time", m.Time.UTC().Format(time.RFC3339))
	add("subject", subject)
	add("dataschema", dataSchema)
	// Extensions: sequence and partitionkey are documented extensions, the others are darkmap's
	// own.
	add("sequence", fmt.Sprintf("%010d", sequence))
	add("partitionkey", e.key)
	add("incident", m.Incident)
	add("route", m.Route)
	add("link", m.Link)
	if m.Exercise {
		add("exercise", "true")
	}
	room := maxEvent - 4096 // for the attribute truncated, and the overhead of JSON and headers
	for _, a := range e.attributes {
		room -= 3 * (len(a.name) + len(a.value)) // percent-encoded at worst
	}
	data, truncated, err := m.Data(room)
	if err != nil {
		return nil, err
	}
	e.data = data
	add("truncated", strings.Join(truncated, " "))
	return e, nil
}

// document returns the event in structured mode.
func (e *event) document() ([]byte, error) {
	b := []byte(`{`)
	for _, a := range e.attributes {
		value, err := json.Marshal(a.value)
		if err != nil {
			return nil, fmt.Errorf("writing an event: %w", err)
		}
		b = fmt.Appendf(b, "%q:%s,", a.name, value)
	}
	b = fmt.Appendf(b, `"datacontenttype":%q,"data":`, typeJSON)
	return append(append(b, e.data...), '}'), nil
}

// source returns the attribute source of a target.
func (e Event) source(d target.Deps) string { return cmp.Or(e.Source, d.PublicURL, "urn:darkmap") }

// mode returns the content mode.
func (e Event) mode() string { return cmp.Or(e.Mode, structured) }
