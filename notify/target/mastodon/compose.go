package mastodon

import (
	"strings"

	"github.com/rivo/uniseg"

	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/text"
)

const (
	// maxCharacters is Mastodon's limit. linkCharacters is the length it counts for any link.
	maxCharacters  = 500
	linkCharacters = 23
	// maxPost bounds the text before the facts, in graphemes.
	maxPost = 320
	// maxFact bounds a fact.
	maxFact = 120
)

// shown are the facts that a post has where there is room and its text does not have them, the most important first. That it is late stands
// in the text.
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
