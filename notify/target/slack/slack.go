package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

const (
	// maxAge is the age from which news is late. groupWait is how long an incident waits for wider
	// events. interval is Slack's limit for a channel.
	maxAge    = 6 * time.Hour
	groupWait = time.Minute
	interval  = time.Second
)

// slackTarget is a channel. Its fields do not change.
type slackTarget struct {
	client  *httpclient.Client
	hook    *url.URL // nil with a token
	api     *url.URL
	token   string
	channel string
	logger  *slog.Logger
}

// handle identifies an incident's message: the ids of the channel and the message.
type handle struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

// post is the body of a request. Fields that a method does not use are empty.
type post struct {
	Channel     string  `json:"channel,omitempty"`
	TS          string  `json:"ts,omitempty"`
	ThreadTS    string  `json:"thread_ts,omitempty"`
	Broadcast   bool    `json:"reply_broadcast,omitempty"`
	Text        string  `json:"text"`
	Blocks      []block `json:"blocks,omitempty"`
	UnfurlLinks *bool   `json:"unfurl_links,omitempty"`
	UnfurlMedia *bool   `json:"unfurl_media,omitempty"`
}

// New makes the target. It does not contact Slack.
func New(cfg Config, d target.Deps) (target.Target, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	t := &slackTarget{channel: cfg.Channel, logger: d.Logger}
	var err error
	if t.client, err = httpclient.New(cfg.HTTP, d); err != nil {
		return nil, err
	}
	if cfg.URL != (config.Secret{}) {
		s, err := cfg.URL.Read()
		if err != nil {
			return nil, err
		}
		if t.hook, err = httpclient.ParseURL(s); err != nil {
			return nil, fmt.Errorf("the secret url: %w", err)
		}
		t.client.LogProxy(d, t.hook)
		return t, nil
	}
	if t.token, err = httpclient.ReadToken(cfg.Token); err != nil {
		return nil, err
	}
	if t.api, err = httpclient.ParseURL(cfg.API); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	t.client.LogProxy(d, t.api)
	return t, nil
}

// Traits returns the traits of a chat without keys.
func (t *slackTarget) Traits() target.Traits {
	return target.Traits{Style: target.Chat, MaxAge: maxAge, GroupWait: groupWait, Interval: interval}
}

// Send posts the incident's message, or edits it and adds the news to its thread.
func (t *slackTarget) Send(ctx context.Context, m *target.Message, h target.Handle) (target.Handle, error) {
	no := false
	p := post{Text: fallback(m), Blocks: blocks(m), UnfurlLinks: &no, UnfurlMedia: &no}
	if t.hook != nil {
		_, err := t.send(ctx, t.hook, p, http.StatusForbidden, http.StatusNotFound)
		return nil, err
	}
	var first handle
	if m.Incident == "" || m.Kind == target.Open || json.Unmarshal(h, &first) != nil || first.TS == "" {
		return t.begin(ctx, p)
	}
	edit := post{Channel: first.Channel, TS: first.TS, Text: p.Text, Blocks: p.Blocks}
	_, err := t.call(ctx, "chat.update", edit)
	if e, ok := errors.AsType[*answerError](err); ok && slices.Contains(lostMessage, e.code) {
		t.logger.Info("the message of an incident cannot be edited any more: a new one is posted", "err", err)
		return t.begin(ctx, p)
	}
	if err != nil {
		return nil, err
	}
	over := m.Kind == target.Close || m.Kind == target.TakeBack
	_, err = t.call(ctx, "chat.postMessage",
		post{
			Channel: first.Channel, ThreadTS: first.TS, Broadcast: over, Text: p.Text, UnfurlLinks: &no,
			UnfurlMedia: &no,
		})
	return nil, err
}

// begin posts a message to the channel.
func (t *slackTarget) begin(ctx context.Context, p post) (target.Handle, error) {
	p.Channel = t.channel
	a, err := t.call(ctx, "chat.postMessage", p)
	if err != nil {
		return nil, err
	}
	return json.Marshal(handle{Channel: a.Channel, TS: a.TS})
}

// answer is the answer of a method.
type answer struct {
	OK      bool   `json:"ok"`
	Error   string `json:"error"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

// call calls a method. It returns a *target.Fault around an *answerError for an answer that is not
// ok.
func (t *slackTarget) call(ctx context.Context, method string, body any) (*answer, error) {
	got, err := t.send(ctx, t.api.JoinPath(method), body)
	if err != nil {
		return nil, err
	}
	var a answer
	if err := json.Unmarshal(got.Body, &a); err != nil {
		return nil, &target.Fault{Err: fmt.Errorf("%s answers %s with no JSON", t.api.Host, method)}
	}
	if !a.OK {
		return nil, fault(method, target.Quote(a.Error, t.token),
			httpclient.RetryAfter(got.Header.Get("Retry-After"), time.Time{}))
	}
	return &a, nil
}

// send sends a request. gone are statuses that mean that the destination no longer exists.
func (t *slackTarget) send(ctx context.Context, u *url.URL, body any,
	gone ...int,
) (*httpclient.Answer, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("writing a message of Slack: %w", err)
	}
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	if t.token != "" {
		header.Set("Authorization", "Bearer "+t.token)
	}
	return t.client.Do(ctx, httpclient.Request{URL: u, Header: header, Body: b, Gone: gone})
}

// Check checks that the token is valid. A webhook cannot be checked.
func (t *slackTarget) Check(ctx context.Context) error {
	if t.hook != nil {
		return nil
	}
	_, err := t.call(ctx, "auth.test", struct{}{})
	return err
}

// Close ends idle connections.
func (t *slackTarget) Close() error {
	t.client.Close()
	return nil
}
