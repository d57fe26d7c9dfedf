package incident

import (
	"errors"
	"io"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
	"github.com/darkmap/darkmap/notify/target"
)

// maxTemplate and maxOutput bound a template and its output, in octets.
const (
	maxTemplate = 8 << 10
	maxOutput   = 8 << 10
)

// TemplateData are the fields that a route's template may use.
type TemplateData struct {
	// Kind is open, update, close, take_back or notice. Severity and Reason are those of the
	// incident, with the values of outages.
	Kind, Severity, Reason string
	// Title, Headline, Post, Summary, Remainder, Link and Route are darkmap's own texts. Incident
	// is the incident's id.
	Title, Headline, Post, Summary, Remainder, Link, Route, Incident string
	// Time is the time at which the engine decided to send the message. Start and End are those of
	// the incident. End is zero while the incident lasts.
	Time, Start, End time.Time
	// Late means that the message is late. Exercise means that it has no live data.
	Late, Exercise bool
	// Events are the incident's outages, the widest first.
	Events []bgp.Outage
}

// functions holds the functions that a template may call: local "Asia/Seoul" .Start formats a time
// in a zone.
var functions = template.FuncMap{"local": func(zone string, t time.Time) (string, error) {
	at, err := parseZone(zone)
	if err != nil {
		return "", err
	}
	if t.IsZero() {
		return "", nil
	}
	return t.In(at).Format("2006-01-02 15:04 MST"), nil
}}

// parseTemplate parses a template and runs it with an example. It returns nil if s is empty.
func parseTemplate(s string) (*template.Template, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // no template is none
	}
	if len(s) > maxTemplate {
		return nil, errors.New("it is longer than 8 KiB")
	}
	t, err := template.New("template").Option("missingkey=error").Funcs(functions).Parse(s)
	if err != nil {
		return nil, err
	}
	if t.Tree == nil || counts(t.Root) {
		return nil, errors.New("range needs a list of the message, such as .Events")
	}
	at := time.Date(2014, 12, 22, 16, 15, 0, 0, time.UTC)
	_, err = render(t, &target.Message{
		Kind: target.Open, Severity: bgp.SeverityTotal, Title: "Example",
		Headline: "Example: all 4 IPv4 prefixes lost", Time: at, Start: at,
		Events: []bgp.Outage{{ID: "country-KP-ipv4-20141222T1615Z", Family: bgp.IPv4.String(), Start: at}},
	})
	return t, err
}

// counts reports whether a template ranges over a number or over a value that is not a field, as
// that could run without end.
func counts(n parse.Node) bool {
	switch n := n.(type) {
	case *parse.ListNode:
		return n != nil && slices.ContainsFunc(n.Nodes, counts)
	case *parse.IfNode:
		return counts(n.List) || counts(n.ElseList)
	case *parse.WithNode:
		return counts(n.List) || counts(n.ElseList)
	case *parse.TemplateNode: // it may call itself
		return true
	case *parse.RangeNode:
		for _, c := range n.Pipe.Cmds {
			if len(c.Args) != 1 || c.Args[0].Type() != parse.NodeField {
				return true
			}
		}
		return counts(n.List) || counts(n.ElseList)
	}
	return false
}

// render runs a template on a message. The result is cleaned and has at most maxOutput octets.
func render(t *template.Template, m *target.Message) (string, error) {
	out := bounded{left: maxOutput}
	err := t.Execute(&out, TemplateData{
		Kind: string(m.Kind), Severity: string(m.Severity), Reason: string(m.Reason), Title: m.Title,
		Headline: m.Headline, Post: m.Post, Summary: m.Summary,
		Remainder: m.Remainder, Link: m.Link, Route: m.Route, Incident: m.Incident, Time: m.Time,
		Start: m.Start, End: m.End, Late: m.Late,
		Exercise: m.Exercise, Events: m.Events,
	})
	return plaintext.CleanLines(out.String()), err
}

// bounded accepts a limited number of octets and then fails.
type bounded struct {
	strings.Builder
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errors.New("it writes more than 8 KiB")
	}
	return b.Builder.Write(p)
}

var _ io.Writer = (*bounded)(nil)
