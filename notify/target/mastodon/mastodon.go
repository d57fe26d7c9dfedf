package mastodon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

const (
	// maxAge is the age from which news is late. groupWait is how long an incident waits for wider
	// events. interval stays well below Mastodon's limit of 300 posts in 3 hours.
	maxAge    = 6 * time.Hour
	groupWait = time.Minute
	interval  = 10 * time.Second
	// maxRetry bounds the pause that a server can ask for. Mastodon's limits have periods of 3
	// hours.
	maxRetry = 3 * time.Hour
)

// mastodonTarget is an account. Its fields do not change.
type mastodonTarget struct {
	cfg    Config
	client *httpclient.Client
	server *url.URL
	token  string
	now    func() time.Time
}

// status is a post in a request or an answer.
type status struct {
	ID          string `json:"id,omitempty"`
	Status      string `json:"status,omitempty"`
	Visibility  string `json:"visibility,omitempty"`
	Language    string `json:"language,omitempty"`
	InReplyToID string `json:"in_reply_to_id,omitempty"`
}

// handle identifies an incident's post.
type handle struct {
	ID string `json:"id"`
}

// New makes the target. It does not contact the server.
func New(cfg Config, d target.Deps) (target.Target, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	t := &mastodonTarget{cfg: cfg, now: d.Now}
	var err error
	if t.client, err = httpclient.New(cfg.HTTP, d); err != nil {
		return nil, err
	}
	if t.server, err = httpclient.ParseURL(cfg.Server); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	if t.token, err = httpclient.ReadToken(cfg.Token); err != nil {
		return nil, err
	}
	t.client.LogProxy(d, t.server)
	return t, nil
}

// Traits returns the traits of a chat with keys that expire after an hour.
func (t *mastodonTarget) Traits() target.Traits {
	return target.Traits{
		Style: target.Chat, Keyed: true, Public: true, MaxAge: maxAge,
		GroupWait: groupWait, Interval: interval,
	}
}

// Send makes the incident's post or edits it. The end also gives an answer to the post.
func (t *mastodonTarget) Send(ctx context.Context, m *target.Message,
	h target.Handle,
) (target.Handle, error) {
	if m.Private {
		return nil, nil
	}
	var before handle
	if m.Incident == "" || m.Kind == target.Open || json.Unmarshal(h, &before) != nil || before.ID == "" {
		return t.post(ctx, m, "", m.ID)
	}
	edit := status{Status: compose(m), Language: t.cfg.Language}
	got, err := t.do(ctx, http.MethodPut, t.statuses(before.ID), "", edit)
	if got != nil && (got.Status == http.StatusNotFound || got.Status == http.StatusGone) { // deleted
		return t.post(ctx, m, "", m.ID+"-anew")
	}
	if err != nil || m.Kind != target.Close && m.Kind != target.TakeBack {
		return nil, err
	}
	_, err = t.post(ctx, m, before.ID, m.ID)
	return nil, err
}

func (t *mastodonTarget) statuses(more ...string) *url.URL {
	return t.server.JoinPath("api/v1/statuses").JoinPath(more...)
}

// post makes a post, or an answer to one.
func (t *mastodonTarget) post(ctx context.Context, m *target.Message, to, key string) (target.Handle, error) {
	s := status{Status: compose(m), Visibility: t.cfg.Visibility, Language: t.cfg.Language, InReplyToID: to}
	got, err := t.do(ctx, http.MethodPost, t.statuses(), key, s)
	if err != nil {
		return nil, err
	}
	var made status
	if json.Unmarshal(got.Body, &made) != nil || made.ID == "" || len(made.ID) > 255 ||
		strings.ContainsAny(made.ID, "/?#") {
		return nil, &target.Fault{Err: fmt.Errorf("%s answers without the post's id", t.server.Host)}
	}
	return json.Marshal(handle{ID: made.ID})
}

// do sends a request. key is its Idempotency-Key; empty if it needs none.
func (t *mastodonTarget) do(ctx context.Context, method string, u *url.URL, key string,
	body any,
) (*httpclient.Answer, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("writing a post: %w", err)
	}
	header := http.Header{"Authorization": {"Bearer " + t.token}, "Content-Type": {"application/json"}}
	if key != "" {
		header.Set("Idempotency-Key", key)
	}
	got, err := t.client.Do(ctx, httpclient.Request{
		Method: method, URL: u, Header: header, Body: b,
		Gone: []int{http.StatusUnauthorized, http.StatusForbidden},
	})
	if f := target.FaultOf(err); f != nil && got != nil && got.Status == http.StatusTooManyRequests &&
		f.RetryAfter == 0 {
		if reset, err := time.Parse(time.RFC3339, got.Header.Get("X-RateLimit-Reset")); err == nil {
			f.RetryAfter = min(max(reset.Sub(t.now()), 0), maxRetry)
		}
	}
	return got, err
}

// Check checks that the token is valid.
func (t *mastodonTarget) Check(ctx context.Context) error {
	u := t.server.JoinPath("api/v1/accounts/verify_credentials")
	header := http.Header{"Authorization": {"Bearer " + t.token}}
	_, err := t.client.Do(ctx, httpclient.Request{
		Method: http.MethodGet, URL: u, Header: header,
		Gone: []int{http.StatusUnauthorized, http.StatusForbidden},
	})
	return err
}

// Close ends idle connections.
func (t *mastodonTarget) Close() error {
	t.client.Close()
	return nil
}
