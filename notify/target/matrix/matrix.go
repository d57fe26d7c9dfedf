package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

const (
	// maxAge is the age from which news is late. groupWait is how long an incident waits for wider
	// events. interval is the minimum time between messages.
	maxAge    = 6 * time.Hour
	groupWait = time.Minute
	interval  = time.Second
	// maxRetry bounds the pause that a server can ask for.
	maxRetry = 24 * time.Hour
)

// matrixTarget is a room. Its fields do not change.
type matrixTarget struct {
	client *httpclient.Client
	server *url.URL
	token  string
	room   string
}

// handle identifies an incident's event, and the last event of its thread.
type handle struct {
	Root string `json:"root"`
	Last string `json:"last"`
}

// New makes the target. It does not contact the server.
func New(cfg Config, d target.Deps) (target.Target, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	t := &matrixTarget{room: cfg.Room}
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

// Traits returns the traits of a chat with transaction ids.
func (t *matrixTarget) Traits() target.Traits {
	return target.Traits{
		Style: target.Chat, Keyed: true, MaxAge: maxAge, GroupWait: groupWait,
		Interval: interval,
	}
}

// Send creates the incident's event, or edits it and adds the news to its thread.
func (t *matrixTarget) Send(ctx context.Context, m *target.Message, h target.Handle) (target.Handle, error) {
	var before handle
	if m.Incident == "" || m.Kind == target.Open || json.Unmarshal(h, &before) != nil || before.Root == "" {
		id, err := t.put(ctx, m.ID, whole(m))
		if err != nil || m.Incident == "" {
			return nil, err
		}
		return json.Marshal(handle{Root: id, Last: id})
	}
	if _, err := t.put(ctx, m.ID+"-edit", edit(whole(m), before.Root)); err != nil {
		return nil, err
	}
	last, err := t.put(ctx, m.ID+"-thread", reply(m, before.Root, before.Last))
	if err != nil {
		return nil, err
	}
	return json.Marshal(handle{Root: before.Root, Last: last})
}

// put sends an event under a transaction id and returns the event's id.
func (t *matrixTarget) put(ctx context.Context, transaction string, c content) (string, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("writing an event of Matrix: %w", err)
	}
	u := t.server.JoinPath("_matrix/client/v3/rooms", url.PathEscape(t.room), "send/m.room.message",
		url.PathEscape(transaction))
	got, err := t.do(ctx, http.MethodPut, u, b)
	if err != nil {
		return "", err
	}
	var a answer
	if json.Unmarshal(got.Body, &a) != nil || a.EventID == "" || len(a.EventID) > 255 {
		return "", &target.Fault{Err: fmt.Errorf("%s answers without the event's id", t.server.Host)}
	}
	return a.EventID, nil
}

// do sends a request and decodes the error of an answer.
func (t *matrixTarget) do(ctx context.Context, method string, u *url.URL,
	body []byte,
) (*httpclient.Answer, error) {
	header := http.Header{"Authorization": {"Bearer " + t.token}, "Content-Type": {"application/json"}}
	got, err := t.client.Do(ctx,
		httpclient.Request{
			Method: method, URL: u, Header: header, Body: body,
			Gone: []int{http.StatusUnauthorized},
		})
	f := target.FaultOf(err)
	if f == nil || got == nil {
		return got, err
	}
	var said struct {
		ErrCode      string  `json:"errcode"`
		RetryAfterMS float64 `json:"retry_after_ms"`
	}
	if json.Unmarshal(got.Body, &said) != nil || said.ErrCode == "" {
		return got, err
	}
	f.Err = fmt.Errorf("%w: %s", f.Err, target.Quote(said.ErrCode, t.token))
	switch said.ErrCode {
	case "M_LIMIT_EXCEEDED":
		wait := time.Duration(min(max(said.RetryAfterMS, 0), float64(maxRetry.Milliseconds()))) * time.Millisecond
		f.Throttle, f.Refused, f.RetryAfter = true, false, max(f.RetryAfter, wait)
	case "M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_USER_DEACTIVATED", "M_USER_LOCKED", "M_USER_SUSPENDED":
		f.Gone, f.Refused = true, false
	}
	return got, f
}

// Check checks that the token is valid.
func (t *matrixTarget) Check(ctx context.Context) error {
	_, err := t.do(ctx, http.MethodGet, t.server.JoinPath("_matrix/client/v3/account/whoami"), nil)
	return err
}

// Close ends idle connections.
func (t *matrixTarget) Close() error {
	t.client.Close()
	return nil
}
