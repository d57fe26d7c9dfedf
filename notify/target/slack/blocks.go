package slack

import (
	"strings"

	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/text"
)

// Limits of Block Kit in characters. Slack does not define characters; units of UTF-16 are the
// strictest reading.
const (
	maxHeader  = 150
	maxSection = 3000
	maxField   = 2000
	maxFields  = 10
	maxURL     = 3000
	maxText    = 3000
)

// textObject is a text: plain_text or mrkdwn.
type textObject struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// block is a header, a section or actions.
type block struct {
	Type     string       `json:"type"`
	Text     *textObject  `json:"text,omitempty"`
	Fields   []textObject `json:"fields,omitempty"`
	Elements []button     `json:"elements,omitempty"`
}

// button is a button with a link.
type button struct {
	Type     string     `json:"type"`
	Text     textObject `json:"text"`
	URL      string     `json:"url"`
	ActionID string     `json:"action_id"`
}

// mrkdwn escapes a text and cuts it.
func mrkdwn(s string, limit int) textObject {
	return textObject{Type: "mrkdwn", Text: text.CutUnits(text.Slack(s), limit)}
}

// heading returns the headline as plain text.
func heading(m *target.Message) string {
	return text.CutUnits(text.Slack(text.Line(m.Heading())), maxHeader)
}

// blocks returns the complete message.
func blocks(m *target.Message) []block {
	all := []block{{Type: "header", Text: &textObject{Type: "plain_text", Text: heading(m)}}}
	if s := text.Lines(m.Summary); s != "" {
		t := mrkdwn(s, maxSection)
		all = append(all, block{Type: "section", Text: &t})
	}
	var fields []textObject
	for _, f := range m.Facts() {
		if len(fields) < maxFields {
			name, value := text.Slack(text.Line(f.Name)), text.Slack(text.Line(f.Text))
			fields = append(fields, textObject{Type: "mrkdwn", Text: text.CutUnits("*"+name+"*\n"+value, maxField)})
		}
	}
	if len(fields) > 0 {
		all = append(all, block{Type: "section", Fields: fields})
	}
	if m.Link != "" && text.Units(m.Link) <= maxURL {
		all = append(all, block{
			Type: "actions",
			Elements: []button{{
				Type: "button", Text: textObject{Type: "plain_text", Text: "Open in darkmap"},
				URL: m.Link, ActionID: "open-in-darkmap",
			}},
		})
	}
	return all
}

// fallback returns the text for notifications and for clients without blocks.
func fallback(m *target.Message) string {
	s := heading(m)
	if post := text.Line(m.Post); post != "" && !strings.HasPrefix(post, m.Headline) {
		s += "\n" + text.Slack(post)
	}
	return text.CutUnits(s, maxText)
}
