package slack

import (
	"fmt"
	"slices"
	"time"

	"github.com/darkmap/darkmap/notify/target"
)

// answerError is an answer with ok: false.
type answerError struct{ method, code string }

// Error names the method and Slack's word for the error.
func (e *answerError) Error() string {
	return fmt.Sprintf("Slack answers %s with %s", e.method, e.code)
}

var (
	// lostMessage: the message is gone, or cannot be changed any more.
	lostMessage = []string{"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"}
	// goneErrors: the token is no more, or never was one.
	goneErrors = []string{"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "org_login_required", "team_access_not_granted"}
	// busyErrors: Slack asks to be left alone.
	busyErrors = []string{"ratelimited", "rate_limited", "message_limit_exceeded"}
	// passing: something failed at Slack.
	passing = []string{"fatal_error", "internal_error", "service_unavailable", "request_timeout", "accesslimited", "team_added_to_org"}
)

// busyWait is how long Slack is left alone where it does not say how long.
const busyWait = 30 * time.Second

// fault says what an error of Slack's asks for. An error that is not known refuses the message.
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
