package target

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
)

// Event returns the name of a message for programs: outage.opened (with the events of outage
// records), blind.opened, blind.updated, blind.closed, the same for storm, and notice and test.
func (m *Message) Event() string {
	switch m.Kind {
	case Notice, Test:
		return string(m.Kind)
	case Open, Update, Close, TakeBack:
	}
	if m.Record != nil && len(m.Events) > 0 && len(m.Events[0].Event) > 0 {
		return string(SubjectOutage) + "." + string(m.Events[0].Event)
	}
	return string(m.Subject) + "." + string(map[Kind]bgp.Event{
		Open: bgp.EventOpened, Update: bgp.EventUpdated, Close: bgp.EventClosed, TakeBack: bgp.EventRetracted,
	}[m.Kind])
}

// brief is the form of a message without a record for programs.
type brief struct {
	Incident         string        `json:"incident,omitempty"`
	Kind             Kind          `json:"kind"`
	Subject          Subject       `json:"subject"`
	Start            *time.Time    `json:"start,omitempty"`
	End              *time.Time    `json:"end,omitempty"`
	Severity         bgp.Severity  `json:"severity,omitempty"`
	EndReason        bgp.EndReason `json:"end_reason,omitempty"`
	NotMeasuredSince *time.Time    `json:"not_measured_since,omitempty"`
	Title            string        `json:"title,omitempty"`
	Headline         string        `json:"headline"`
	Post             string        `json:"post,omitempty"`
	Summary          string        `json:"summary"`
}

// Data returns the message as a JSON object: its record, as described by
// schemas/outage.schema.json, or its texts and times if it has no record. Strings contain no
// control or bidirectional characters. If the object is longer than maxOctets, it is cut: the
// previous record is removed first, then the longest lists lose their ends. Data returns the paths
// of the cut fields (lost_prefixes, evidence.voters).
func (m *Message) Data(maxOctets int) (data []byte, truncated []string, err error) {
	from := m.Record
	if from == nil {
		from, err = json.Marshal(brief{
			Incident: m.Incident, Kind: m.Kind, Subject: m.Subject, Start: known(m.Start), End: known(m.End),
			Severity: m.Severity, EndReason: m.Reason,
			NotMeasuredSince: known(m.NotMeasuredSince), Title: m.Title, Headline: m.Headline, Post: m.Post,
			Summary: m.Summary,
		})
		if err != nil {
			return nil, nil, fmt.Errorf("writing message %s: %w", m.ID, err)
		}
	}
	root, err := parse(from)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the record of message %s: %w", m.ID, err)
	}
	truncated, err = root.fit(maxOctets)
	if err != nil {
		return nil, nil, fmt.Errorf("shortening the record of message %s: %w", m.ID, err)
	}
	return root.write(nil), truncated, nil
}

// known returns a pointer to t in UTC, or nil for a zero time.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// node is a JSON value: an object (its keys and values, in order), an array (its values), or the
// encoded text of another value.
type node struct {
	open   byte // {, [ or 0
	text   []byte
	keys   []string
	values []*node
}

// maxDepth is the maximum nesting depth of values.
const maxDepth = 32

var (
	errNoObject = errors.New("it is not one JSON object")
	errDeep     = errors.New("its values lie too deep in each other")
)

func parse(b []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	root, err := next(d, maxDepth)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); root.open != '{' || !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return root, nil
}

// next reads one value with at most depth levels below it.
func next(d *json.Decoder, depth int) (*node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, nested := t.(json.Delim)
	if !nested {
		if s, ok := t.(string); ok {
			t = plaintext.CleanLines(s)
		}
		text, err := json.Marshal(t)
		return &node{text: text}, err
	}
	if depth == 0 {
		return nil, errDeep
	}
	n := &node{open: byte(delim)}
	for d.More() {
		if n.open == '{' {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			n.keys = append(n.keys, key.(string)) //nolint:forcetypeassert // the decoder has no other keys
		}
		v, err := next(d, depth-1)
		if err != nil {
			return nil, err
		}
		n.values = append(n.values, v)
	}
	_, err = d.Token() // the closing bracket
	return n, err
}

// write appends the value to b.
func (n *node) write(b []byte) []byte {
	if n.open == 0 {
		return append(b, n.text...)
	}
	b = append(b, n.open)
	for i, v := range n.values {
		if i > 0 {
			b = append(b, ',')
		}
		if n.open == '{' {
			key, _ := json.Marshal(n.keys[i]) //nolint:errchkjson // a string
			b = append(append(b, key...), ':')
		}
		b = v.write(b)
	}
	return append(b, n.open+2) // } and ] have the codes of { and [ plus 2
}

// size returns the number of octets that write appends.
func (n *node) size() int { return len(n.write(nil)) }

// fit cuts lists until the object has at most maxOctets octets, and returns the paths of the cut
// fields.
func (n *node) fit(maxOctets int) ([]string, error) {
	var cut []string
	if i := slices.Index(n.keys, "previous"); i >= 0 && n.size() > maxOctets {
		n.keys, n.values = slices.Delete(n.keys, i, i+1), slices.Delete(n.values, i, i+1)
		cut = append(cut, "previous")
	}
	for n.size() > maxOctets {
		path, longest := n.longest(nil)
		if longest == nil {
			return nil, fmt.Errorf("it has more than %d octets without its lists", maxOctets)
		}
		longest.values = longest.values[:len(longest.values)/2]
		if name := strings.Join(path, "."); !slices.Contains(cut, name) {
			cut = append(cut, name)
		}
	}
	return cut, nil
}

// longest returns the non-empty list with the most octets, and its path. A list within a list is
// cut as an entry of the outer one.
func (n *node) longest(at []string) (path []string, list *node) {
	if n.open == '[' && len(n.values) > 0 {
		return slices.Clone(at), n
	}
	if n.open != '{' {
		return nil, nil
	}
	most := 0
	for i, v := range n.values {
		p, l := v.longest(append(at, n.keys[i]))
		if l == nil {
			continue
		}
		if s := l.size(); s > most {
			most, path, list = s, p, l
		}
	}
	return path, list
}
