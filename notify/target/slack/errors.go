package slack

import (
	"fmt"
	"slices"
	"time"

	"github.com/darkmap/darkmap/notify/target"
)

// answerError is an answer with ok: false.
type answerError struct{ method, code string }

// Error returns the method and Slack's error code.
func (e *answerError) Error() string {
	s := fmt.Sprintf("Slack answers %s with %s", e.method, e.code)
	if hint := hints[e.code]; hint != "" {
		s += ": " + hint
	}
	return s
}

// hints gives advice for errors caused by a wrong configuration.
var hints = map[string]string{
	"channel_not_found": "there is no channel with this id, or the bot is not in it",
	"not_in_channel":    "invite the bot into the channel",
	"is_archived":       "the channel is archived",
	"missing_scope":     "the bot's token needs the scope chat:write",
	"invalid_auth":      "the token is not valid",
	"token_revoked":     "the token was revoked",
}

var (
	// lostMessage: the message is gone, or cannot be changed any more.
	lostMessage = []string{"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"}
	// goneErrors: the token is no longer valid, or never was.
	goneErrors = []string{
		"invalid_auth", "not_authed", "account_inactive", "token_revoked",
		"token_expired", "org_login_required", "team_access_not_granted",
	}
	// busyErrors: Slack asks for a pause.
	busyErrors = []string{"ratelimited", "rate_limited", "message_limit_exceeded"}
	// passing: a temporary failure at Slack.
	passing = []string{
		"fatal_error", "internal_error", "service_unavailable", "request_timeout",
		"accesslimited", "team_added_to_org",
	}
)

// busyWait is the pause for Slack if its answer names none.
const busyWait = 30 * time.Second

// fault classifies an error of Slack. An unknown error refuses the message.
func fault(method, code string, retryAfter time.Duration) *target.Fault {
	f := &target.Fault{Err: &answerError{method, code}}
	switch {
	case slices.Contains(goneErrors, code):
		f.Gone = true
	case slices.Contains(busyErrors, code):
		f.Throttle, f.RetryAfter = true, retryAfter
		if f.RetryAfter == 0 {
			f.RetryAfter = busyWait
		}
	case slices.Contains(passing, code):
	default:
		f.Refused = true
	}
	return f
}
