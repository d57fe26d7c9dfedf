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
	// limit bounds a message, in octets. Where the service counts characters it can hold more.
	limit int
	// guarded: its requests go through httpclient.
	guarded bool
	// title: it has a title of its own.
	title bool
	// gone are statuses that say that the key or the place is no more, beside 410.
	gone []int
	// quiet are parameters for a silent message, for exercises.
	quiet map[string]string
}

// services are those that can be used, by the scheme of their URL. It is never written.
var services = map[string]service{
	"discord": {escape: text.Discord, limit: 2000, guarded: true, gone: []int{401, 403, 404}},
	"telegram": {escape: text.Telegram, limit: 4096, guarded: true, gone: []int{401, 403, 404},
		quiet: map[string]string{"notification": "No"}},
	"ntfy": {escape: text.Fediverse, limit: 4000, guarded: true, title: true, gone: []int{401, 403},
		quiet: map[string]string{"priority": "min"}},
	"gotify": {escape: text.Fediverse, limit: 8000, guarded: true, title: true, gone: []int{401, 403},
		quiet: map[string]string{"priority": "1"}},
	"pushover": {escape: text.Fediverse, limit: 1024, guarded: true, title: true, gone: []int{401, 403},
		quiet: map[string]string{"priority": "-1"}},
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

// own are services that have a target of their own, which does more, by its type.
var own = map[string]string{"slack": "slack", "matrix": "matrix", "smtp": "mail", "pagerduty": "pagerduty"}

// known lists the services for an error.
func known() string { return strings.Join(slices.Sorted(maps.Keys(services)), ", ") }

// withoutBrackets is for services that call somebody by <at ...> or <users/all> and have no escape for it.
func withoutBrackets(s string) string {
	return strings.NewReplacer("<", "(", ">", ")").Replace(text.Fediverse(s))
}
