package text

import (
	"html"
	"strings"
)

// slack holds the escapes of Slack's reference for text formatting ("Escaping text"). Every mention
// and every hidden link needs < and >.
var slack = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Slack escapes a text for Slack, for both mrkdwn and plain_text.
func Slack(s string) string { return slack.Replace(s) }

// Discord escapes a text for Discord: markup with backslashes, and mentions as Fediverse does.
func Discord(s string) string { return calm(escapeAny(s, "\\*_~`|<>[]()#:-")) }

// Telegram makes a text harmless for Telegram without parse_mode, where clients still turn @name,
// #tag and /command into links. A slash between other characters, as in 192.0.2.0/24, stays.
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

// Fediverse makes a text harmless for Mastodon and Bluesky. It adds a space after each @ and #,
// also in their wide forms, so that no account is mentioned and no tag is made. The wide forms need
// it too: both services take ＃tag for a tag.
func Fediverse(s string) string { return calm(s) }

// MatrixBody makes a text harmless as the body of a Matrix event, in which push rules look for
// @room.
func MatrixBody(s string) string { return calm(s) }

// Relay makes a text harmless for a program that passes it on to unknown destinations, such as
// Alertmanager. It adds a space after each @, # and <, so that none of them sees a mention or
// markup.
func Relay(s string) string { return spaced(s, "@#＠＃<") }

// HTML escapes a text for HTML, both in elements and in quoted attributes, and for Matrix's
// formatted_body.
func HTML(s string) string { return html.EscapeString(s) }

// calm adds a space after each @ and # that is followed by another character.
func calm(s string) string { return spaced(s, "@#＠＃") }

// spaced adds a space after each of the characters if another character follows.
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
