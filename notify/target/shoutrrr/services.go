package shoutrrr

import (
	"maps"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/notify/target/text"
)

// service describes a service of the library.
type service struct {
	// escape makes a text harmless.
	escape func(string) string
	// limit bounds a message, in octets. A service that counts characters accepts more.
	limit int
	// guarded means that the requests go through httpclient.
	guarded bool
	// title means that messages have a separate title.
	title bool
	// gone lists statuses, in addition to 410, with which the service reports that the key or the
	// destination no longer exists.
	gone []int
	// quiet holds the parameters of a silent message, for exercises.
	quiet map[string]string
}

// services holds the usable services by the scheme of their URL. It is never modified.
var services = map[string]service{
	"discord": {escape: text.Discord, limit: 2000, guarded: true, gone: []int{401, 403, 404}},
	"telegram": {
		escape: text.Telegram, limit: 4096, guarded: true, gone: []int{401, 403, 404},
		quiet: map[string]string{"notification": "No"},
	},
	"ntfy": {
		escape: text.Fediverse, limit: 4000, guarded: true, title: true, gone: []int{401, 403},
		quiet: map[string]string{"priority": "min"},
	},
	"gotify": {
		escape: text.Fediverse, limit: 8000, guarded: true, title: true, gone: []int{401, 403},
		quiet: map[string]string{"priority": "1"},
	},
	"pushover": {
		escape: text.Fediverse, limit: 1024, guarded: true, title: true, gone: []int{401, 403},
		quiet: map[string]string{"priority": "-1"},
	},
	"mattermost": {escape: text.Markdown, limit: 4000, guarded: true, gone: []int{401, 403}},
	"rocketchat": {escape: text.Markdown, limit: 4000, guarded: true, gone: []int{401, 403}},

	"bark":       {escape: text.Fediverse, limit: 2000},
	"generic":    {escape: text.Fediverse, limit: 8000},
	"googlechat": {escape: withoutBrackets, limit: 4000},
	"ifttt":      {escape: withoutBrackets, limit: 2000},
	"join":       {escape: text.Fediverse, limit: 2000},
	"lark":       {escape: withoutBrackets, limit: 4000},
	"notifiarr":  {escape: text.Discord, limit: 1900},
	"opsgenie":   {escape: text.Fediverse, limit: 8000},
	"pushbullet": {escape: text.Fediverse, limit: 4000},
	"signal":     {escape: text.Fediverse, limit: 2000},
	"teams":      {escape: text.Markdown, limit: 8000},
	"wecom":      {escape: withoutBrackets, limit: 2000},
	"zulip":      {escape: text.Markdown, limit: 8000},
}

// own maps services that have a target of their own, which supports more, to the type of that
// target.
var own = map[string]string{"slack": "slack", "matrix": "matrix", "smtp": "mail", "pagerduty": "pagerduty"}

// known lists the services for an error.
func known() string { return strings.Join(slices.Sorted(maps.Keys(services)), ", ") }

// withoutBrackets is for services that mention users with <at ...> or <users/all> and have no
// escape for it.
func withoutBrackets(s string) string {
	return strings.NewReplacer("<", "(", ">", ")").Replace(text.Fediverse(s))
}
