package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// MaxBody bounds a body, in octets. Standard Webhooks asks for less than 20 kB.
const MaxBody = 20_000 - 1

// retries are the example waits of Standard Webhooks, up to 24 hours. The last attempt is 75 h 35
// min after the first.
var retries = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour,
	14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// Webhook is one receiver.
type Webhook struct {
	client *httpclient.Client
	url    *url.URL
	keys   [][]byte
	now    func() time.Time
}

// New reads the secrets. It does not connect.
func New(cfg Config, d target.Deps) (*Webhook, error) {
	u, err := cfg.Read()
	if err != nil {
		return nil, err
	}
	w := &Webhook{url: u, now: d.Now}
	for i, s := range cfg.Secrets {
		text, err := s.Read()
		if err != nil {
			return nil, fmt.Errorf("secrets[%d]: %w", i, err)
		}
		key, err := readKey(text)
		if err != nil {
			return nil, fmt.Errorf("secrets[%d]: %w", i, err)
		}
		w.keys = append(w.keys, key)
	}
	if len(w.keys) == 0 {
		return nil, errors.New("secrets: want at least one: Standard Webhooks are signed")
	}
	if w.client, err = httpclient.New(cfg.HTTP, d); err != nil {
		return nil, err
	}
	w.client.LogProxy(d, u)
	return w, nil
}

// Traits returns the traits of a target of records. Each record has an id by which a receiver
// recognises it.
func (w *Webhook) Traits() target.Traits {
	return target.Traits{Style: target.Records, Keyed: true, MaxAge: 76 * time.Hour, Retries: retries}
}

// Close ends idle connections.
func (w *Webhook) Close() error {
	w.client.Close()
	return nil
}

// Send posts one message. It returns no handle.
func (w *Webhook) Send(ctx context.Context, m *target.Message, _ target.Handle) (target.Handle, error) {
	body, err := payload(m)
	if err != nil {
		return nil, &target.Fault{Err: err, Refused: true}
	}
	at := w.now()
	_, err = w.client.Do(ctx, httpclient.Request{URL: w.url, Body: body, Header: http.Header{
		"Content-Type":      {"application/json"},
		"Webhook-Id":        {m.ID},
		"Webhook-Timestamp": {seconds(at)},
		"Webhook-Signature": {sign(w.keys, m.ID, at, body)},
	}})
	return nil, err
}

// envelope is a body except its data.
type envelope struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	// Incident and Route identify the incident and the route that matched.
	Incident string `json:"incident,omitempty"`
	Route    string `json:"route,omitempty"`
	Link     string `json:"link,omitempty"`
	// Exercise means that the data are not live.
	Exercise bool `json:"exercise,omitempty"`
	// Truncated lists the fields of data that were cut to keep the body below 20 kB.
	Truncated []string        `json:"truncated,omitempty"`
	Data      json.RawMessage `json:"data"`
}

// payload makes the body. The same message makes the same octets.
func payload(m *target.Message) ([]byte, error) {
	const truncated = 2000 // room for the names of cut fields
	e := envelope{
		Type: m.Event(), Timestamp: m.Time.UTC(), Incident: m.Incident, Route: m.Route, Link: m.Link,
		Exercise: m.Exercise, Data: json.RawMessage("{}"),
	}
	bare, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("writing message %s: %w", m.ID, err)
	}
	room := MaxBody - len(bare) - truncated
	e.Data, e.Truncated, err = m.Data(room)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("writing message %s: %w", m.ID, err)
	}
	if len(body) > MaxBody {
		return nil, fmt.Errorf("message %s has %d octets, more than the %d of a webhook", m.ID, len(body), MaxBody)
	}
	return body, nil
}
