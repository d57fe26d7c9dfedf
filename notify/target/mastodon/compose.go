package mastodon

import (
	"strings"

	"github.com/rivo/uniseg"

	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/text"
)

const (
	// maxCharacters is Mastodon's limit. linkCharacters is the length that Mastodon counts for any
	// link.
	maxCharacters  = 500
	linkCharacters = 23
	// maxPost bounds the text before the facts, in graphemes.
	maxPost = 320
	// maxFact bounds a fact, in graphemes.
	maxFact = 120
)

// shown lists the facts of a post, the most important first. A fact is left out if there is no room
// or the text contains it. The text itself mentions late news.
var shown = []string{"Not measured", "Ended", "Still dark", "Lost now", "At worst", "Seen by"}

// harmless makes a text one line without mentions, tags and links.
func harmless(s string) string {
	return strings.ReplaceAll(text.Fediverse(text.Line(s)), "://", ":// ")
}

// length counts characters as Mastodon does, for texts without links.
func length(s string) int { return uniseg.GraphemeClusterCount(s) }

// compose makes the post.
func compose(m *target.Message) string {
	s := m.MarkedPost()
	if m.Post == "" {
		s = m.Heading()
	}
	post := text.Cut(harmless(s), maxPost, 4*maxPost)
	left := maxCharacters - length(post)
	if m.Link != "" {
		left -= 2 + linkCharacters
	}
	facts := m.Facts()
	for _, name := range shown {
		for _, f := range facts {
			if f.Name != name || strings.Contains(s, "Not measured") && name == "Not measured" ||
				strings.Contains(s, f.Text) {
				continue
			}
			line := "\n" + f.Name + ": " + text.Cut(harmless(f.Text), maxFact, 4*maxFact)
			if n := length(line); n <= left {
				post, left = post+line, left-n
			}
		}
	}
	if m.Link != "" {
		post += "\n\n" + m.Link
	}
	return post
}
