package atom

import (
	"slices"
	"strings"

	"github.com/darkmap/darkmap/internal/atomfeed"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/text"
)

const (
	// maxTitle and maxSummary bound texts, in graphemes.
	maxTitle, maxSummary = 160, 4000
)

// The terms of an entry's category: the state of the incident.
const (
	termOpen   = "open"  // the incident is open
	termBack   = "back"  // it is over, and the routes are back
	termEnded  = "ended" // it is over, and the routes are not back, or that is unknown
	termTaken  = "taken-back"
	termNotice = "notice" // the message has no incident
)

// clean makes a text one line that is valid in XML.
func clean(s string) string { return text.XML(text.Line(s)) }

// term returns the state of the incident after a message.
func term(m *target.Message) string {
	switch {
	case m.Kind == target.Open, m.Kind == target.Update:
		return termOpen
	case m.Back():
		return termBack
	case m.Kind == target.Close:
		return termEnded
	case m.Kind == target.TakeBack:
		return termTaken
	}
	return termNotice
}

// isOver reports whether an entry has no open incident.
func isOver(e atomfeed.Entry) bool {
	return !slices.ContainsFunc(e.Categories, func(c atomfeed.Category) bool { return c.Term == termOpen })
}

// entry makes the entry of a message.
func (t *atomTarget) entry(m *target.Message, id string, published atomfeed.Time) atomfeed.Entry {
	e := atomfeed.Entry{
		ID: id, Title: text.Cut(clean(m.Heading()), maxTitle, 4*maxTitle), Published: &published,
		Updated:    atomfeed.At(m.Time),
		Categories: []atomfeed.Category{{Term: term(m)}}, Content: &atomfeed.Text{Type: "html", Body: body(m)},
	}
	if e.Title == "" {
		e.Title = "darkmap"
	}
	if len(m.Severity) > 0 {
		e.Categories = append(e.Categories, atomfeed.Category{Term: string(m.Severity)})
	}
	if m.Exercise {
		e.Categories = append(e.Categories, atomfeed.Category{Term: "exercise"})
	}
	if m.Link != "" {
		e.Links = []atomfeed.Link{{Rel: "alternate", Type: "text/html", Href: m.Link}}
	}
	return e
}

// body returns the content of an entry: the summary in paragraphs and the facts as a list.
func body(m *target.Message) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text.Cut(text.Lines(m.Summary), maxSummary, 4*maxSummary), "\n") {
		if line != "" {
			b.WriteString("<p>" + text.HTML(line) + "</p>")
		}
	}
	facts := m.Facts()
	if len(facts) == 0 {
		return text.XML(b.String())
	}
	b.WriteString("<ul>")
	for _, f := range facts {
		b.WriteString("<li>" + text.HTML(f.Name) + ": " + text.HTML(text.Line(f.Text)) + "</li>")
	}
	b.WriteString("</ul>")
	return text.XML(b.String())
}
