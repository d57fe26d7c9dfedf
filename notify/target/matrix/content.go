package matrix

import (
	"strings"

	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/text"
)

// Bounds in octets before escaping, so that an edit, which holds all content twice, stays below the
// limit of an event.
const (
	maxHeading = 160 // graphemes
	maxSummary = 2000
	maxFact    = 200
	maxLink    = 1000
)

// content is the content of m.room.message.
type content struct {
	MsgType       string    `json:"msgtype"`
	Body          string    `json:"body"`
	Format        string    `json:"format,omitempty"`
	FormattedBody string    `json:"formatted_body,omitempty"`
	Mentions      struct{}  `json:"m.mentions"` // empty: no mentions
	NewContent    *content  `json:"m.new_content,omitempty"`
	RelatesTo     *relation `json:"m.relates_to,omitempty"`
}

// relation is m.replace or m.thread.
type relation struct {
	RelType       string  `json:"rel_type"`
	EventID       string  `json:"event_id"`
	IsFallingBack bool    `json:"is_falling_back,omitempty"`
	InReplyTo     *answer `json:"m.in_reply_to,omitempty"`
}

// answer holds an event id. The server's answers have the same form.
type answer struct {
	EventID string `json:"event_id"`
}

// heading returns the headline as one line.
func heading(m *target.Message) string {
	return text.Cut(text.Line(m.Heading()), maxHeading, 4*maxHeading)
}

// whole returns the complete message.
func whole(m *target.Message) content {
	plain, rich := []string{text.MatrixBody(heading(m))}, "<strong>"+text.HTML(heading(m))+"</strong>"
	for line := range strings.SplitSeq(text.Cut(text.Lines(m.Summary), maxSummary, maxSummary), "\n") {
		if line != "" {
			plain, rich = append(plain, text.MatrixBody(line)), rich+"<p>"+text.HTML(line)+"</p>"
		}
	}
	facts := m.Facts()
	if len(facts) > 0 {
		rich += "<ul>"
		for _, f := range facts {
			s := text.Cut(text.Line(f.Text), maxFact, maxFact)
			plain, rich = append(plain, f.Name+": "+text.MatrixBody(s)),
				rich+"<li>"+text.HTML(f.Name)+": "+text.HTML(s)+"</li>"
		}
		rich += "</ul>"
	}
	if m.Link != "" && len(m.Link) <= maxLink {
		plain, rich = append(plain, m.Link), rich+`<p><a href="`+text.HTML(m.Link)+`">`+text.HTML(m.Link)+"</a></p>"
	}
	return content{
		MsgType: "m.text", Body: strings.Join(plain, "\n"), Format: "org.matrix.custom.html",
		FormattedBody: rich,
	}
}

// edit turns an event into an edit to the newest state. Clients without support for edits show the
// body, which begins with a star.
func edit(c content, root string) content {
	changed := c
	c.Body, c.FormattedBody = "* "+c.Body, "* "+c.FormattedBody
	c.NewContent, c.RelatesTo = &changed, &relation{RelType: "m.replace", EventID: root}
	return c
}

// reply returns the headline for the thread of an event. Clients without support for threads show
// it as a reply to the last event.
func reply(m *target.Message, root, last string) content {
	return content{
		MsgType: "m.text", Body: text.MatrixBody(heading(m)),
		RelatesTo: &relation{
			RelType: "m.thread", EventID: root, IsFallingBack: true,
			InReplyTo: &answer{EventID: last},
		},
	}
}
