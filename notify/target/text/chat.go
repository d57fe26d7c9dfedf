package text

import (
	"html"
	"strings"
)

// slack has what Slack asks for: "Escaping text" of its reference of text formatting. Everything that calls somebody or hides a link is within
// < and >.
var slack = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Slack escapes a text for Slack, both for mrkdwn and for plain_text.
func Slack(s string) string { return slack.Replace(s) }

// Discord escapes a text for a message of Discord: its markup with backslashes, and calls as in Fediverse.
func Discord(s string) string { return calm(escapeAny(s, "\\*_~`|<>[]()#:-")) }

// Telegram makes a text harmless for a message of Telegram without parse_mode: there a client still makes links of @name, #tag and /command.
// A slash between other characters, as in 192.0.2.0/24, stays.
func Telegram(s string) string {
	var b strings.Builder
	before := ' '
	for _, r := range calm(s) {
		if b.WriteRune(r); r == '/' && !isWord(before) {
			b.WriteByte(' ')
		}
		before = r
	}
	return b.String()
}

func isWord(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r > '~'
}

// Fediverse makes a text harmless for Mastodon and Bluesky: a space behind each @ and #, also in their wide forms, so that no account is mentioned
// and no tag is made. The wide forms are no help themselves: both take ＃tag for a tag.
func Fediverse(s string) string { return calm(s) }

// MatrixBody makes a text harmless as the body of a Matrix event, whose push rules look for @room in it.
func MatrixBody(s string) string { return calm(s) }

// Relay makes a text harmless for a program that passes it on to unknown places, such as Alertmanager: a space behind each @,
// # and <, so that it is no mention and no markup in any of them.
func Relay(s string) string { return spaced(s, "@#＠＃<") }

// HTML escapes a text for HTML, both in elements and in quoted attributes, and for Matrix's formatted_body.
func HTML(s string) string { return html.EscapeString(s) }

// calm puts a space behind each @ and # that something follows.
func calm(s string) string { return spaced(s, "@#＠＃") }

// spaced puts a space behind each of the characters that something else follows.
func spaced(s, characters string) string {
	if !strings.ContainsAny(s, characters) {
		return s
	}
	var b strings.Builder
	alone := false
	for _, r := range s {
		if alone && r != ' ' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		alone = strings.ContainsRune(characters, r)
	}
	return b.String()
}
