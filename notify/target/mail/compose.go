package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	netmail "net/mail"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/text"
)

const (
	// maxSubject and maxBody bound texts, in graphemes.
	maxSubject, maxBody = 160, 4000
)

// thread is the handle of an incident: Message-IDs without brackets.
type thread struct {
	First string `json:"first"`
	Last  string `json:"last"`
}

// domain returns the sender's domain.
func (t *mailTarget) domain() string {
	return t.from.Address[strings.LastIndexByte(t.from.Address, '@')+1:]
}

// messageID returns the Message-ID, which is the same in all attempts.
func (t *mailTarget) messageID(m *target.Message) string {
	return text.MailHeader(m.ID) + "@" + t.domain()
}

// root returns the id to which all mails of an incident refer. No mail has this id.
func (t *mailTarget) root(m *target.Message) string {
	sum := sha256.Sum256([]byte(m.Incident))
	return "incident." + hex.EncodeToString(sum[:16]) + "@" + t.domain()
}

// references returns the ids for References, oldest first. It returns none for a message without an
// incident.
func (t *mailTarget) references(m *target.Message, before thread) []string {
	if m.Incident == "" {
		return nil
	}
	all := []string{t.root(m)}
	for _, id := range []string{before.First, before.Last} {
		if id != "" && id != all[len(all)-1] && id != t.messageID(m) {
			all = append(all, id)
		}
	}
	return all
}

// compose makes the mail to one recipient.
func (t *mailTarget) compose(m *target.Message, to *netmail.Address, before thread) *mail.Msg {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	msg.FromMailAddress(t.from)
	msg.ToMailAddress(to)
	if t.replyTo != nil {
		msg.SetGenHeader("Reply-To", t.replyTo.String())
	}
	msg.Subject(text.Cut(text.MailHeader(m.Heading()), maxSubject, 4*maxSubject))
	msg.SetDateWithValue(t.now().UTC())
	msg.SetMessageIDWithValue(t.messageID(m))
	if refs := t.references(m, before); len(refs) > 0 {
		msg.SetGenHeaderPreformatted("In-Reply-To", "<"+refs[len(refs)-1]+">")
		msg.SetGenHeaderPreformatted("References", "<"+strings.Join(refs, ">\r\n <")+">")
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetListUnsubscribe(t.unsubscribe)
	for _, h := range [][2]string{
		{"Incident", m.Incident},
		{"Message", string(m.Kind)},
		{"Severity", string(m.Severity)},
		{"Route", m.Route},
	} {
		if h[1] != "" {
			msg.SetGenHeader(mail.Header("X-Darkmap-"+h[0]), text.Cut(text.MailHeader(h[1]), 255, 255))
		}
	}
	msg.SetBodyString(mail.TypeTextPlain, t.plain(m))
	msg.AddAlternativeString(mail.TypeTextHTML, t.html(m))
	return msg
}

// body returns the summary, with bounded length.
func body(m *target.Message) string {
	s := m.Summary
	if s == "" {
		s = m.Headline
	}
	return text.Cut(text.Lines(s), maxBody, 4*maxBody)
}

// why returns the last lines of a mail, which explain why the recipient gets it.
func (t *mailTarget) why(m *target.Message) string {
	return text.Line(
		fmt.Sprintf(
			"The route %s of darkmap tells the target %s, which is this address. To get no more of these mails: %s",
			m.Route, t.name, t.unsubscribe))
}

// plain returns the plain text part.
func (t *mailTarget) plain(m *target.Message) string {
	var b strings.Builder
	b.WriteString(body(m) + "\n\n")
	for _, f := range m.Facts() {
		b.WriteString(text.Line(f.Name+": "+f.Text) + "\n")
	}
	if m.Link != "" {
		b.WriteString("\n" + m.Link + "\n")
	}
	b.WriteString("\n-- \n" + t.why(m) + "\n")
	return b.String()
}

// html returns the HTML part. It loads no external content.
func (t *mailTarget) html(m *target.Message) string {
	var b strings.Builder
	b.WriteString(`<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>` +
		text.HTML(text.Line(m.Heading())) + `</title></head><body>`)
	b.WriteString("<h2>" + text.HTML(text.Cut(text.Line(m.Heading()), maxSubject, 4*maxSubject)) + "</h2>")
	for line := range strings.SplitSeq(body(m), "\n") {
		if line != "" {
			b.WriteString("<p>" + text.HTML(line) + "</p>")
		}
	}
	if facts := m.Facts(); len(facts) > 0 {
		b.WriteString("<table>")
		for _, f := range facts {
			b.WriteString(`<tr><th align="left" valign="top">` + text.HTML(f.Name) + "</th><td>" +
				text.HTML(text.Line(f.Text)) + "</td></tr>")
		}
		b.WriteString("</table>")
	}
	if m.Link != "" {
		b.WriteString(`<p><a href="` + text.HTML(m.Link) + `">` + text.HTML(m.Link) + "</a></p>")
	}
	b.WriteString("<p><small>" + text.HTML(t.why(m)) + "</small></p></body></html>\n")
	return b.String()
}
