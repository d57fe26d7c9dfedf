package shoutrrr

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/text"
)

// maxTitle bounds titles and headlines, in graphemes.
const maxTitle = 160

// title returns the headline as one line.
func title(m *target.Message) string {
	return text.Cut(text.Line(m.Heading()), maxTitle, 4*maxTitle)
}

// body returns the text of a message: the headline unless the service has a title, the summary, the
// facts, and the link. The link is never cut.
func (s service) body(m *target.Message) string {
	end := ""
	if m.Link != "" && len(m.Link) < s.limit/2 {
		end = "\n" + m.Link
	}
	out := ""
	if !s.title {
		out = s.escape(title(m)) + "\n"
	}
	summary := text.Lines(m.Summary)
	if summary == "" {
		summary = title(m)
	}
	out += s.escape(summary)
	for _, f := range m.Facts() {
		out += "\n" + f.Name + ": " + s.escape(text.Line(f.Text))
	}
	return text.Cut(out, s.limit-len(end), s.limit-len(end)) + end
}

// params returns the parameters for the library.
func (s service) params(m *target.Message) types.Params {
	p := types.Params{}
	if s.title {
		p["title"] = title(m)
	}
	if m.Exercise {
		maps.Copy(p, s.quiet)
	}
	return p
}

// discordMessage is the JSON for Discord. The library's own message type has no allowed_mentions.
type discordMessage struct {
	Content         string              `json:"content"`
	Username        string              `json:"username,omitempty"`
	AvatarURL       string              `json:"avatar_url,omitempty"`
	AllowedMentions map[string][]string `json:"allowed_mentions"`
	Flags           int                 `json:"flags"`
}

// noPreviews is SUPPRESS_EMBEDS. silent is SUPPRESS_NOTIFICATIONS, for exercises.
const (
	noPreviews = 1 << 2
	silent     = 1 << 12
)

// discord makes the JSON for Discord.
func (s service) discord(m *target.Message, username, avatar string) (string, error) {
	d := discordMessage{
		Content: s.body(m), Username: username, AvatarURL: avatar,
		AllowedMentions: map[string][]string{"parse": {}}, Flags: noPreviews,
	}
	if m.Exercise {
		d.Flags |= silent
	}
	b, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("writing a message of Discord: %w", err)
	}
	return string(b), nil
}
