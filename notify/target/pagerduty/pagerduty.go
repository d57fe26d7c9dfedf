package pagerduty

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// routingKey matches an integration key.
var routingKey = regexp.MustCompile(`^[A-Za-z0-9]{32}$`)

// PagerDuty is a PagerDuty service.
type PagerDuty struct {
	client    *httpclient.Client
	url       *url.URL
	key       string // a secret
	publicURL string
}

// New reads the key. It does not connect.
func New(cfg Config, d target.Deps) (*PagerDuty, error) {
	u, err := httpclient.ParseURL(cmp.Or(cfg.URL, usualURL))
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	p := &PagerDuty{url: u.JoinPath("v2", "enqueue"), publicURL: d.PublicURL}
	if p.key, err = cfg.RoutingKey.Read(); err != nil {
		return nil, fmt.Errorf("routing_key: %w", err)
	}
	if p.key = strings.TrimSpace(p.key); !routingKey.MatchString(p.key) {
		return nil, errors.New(
			"routing_key: want the 32 letters and digits of an integration of the type Events API V2")
	}
	if p.client, err = httpclient.New(cfg.HTTP, d); err != nil {
		return nil, err
	}
	p.client.LogProxy(d, u)
	return p, nil
}

// Traits returns the traits of a pager whose key is the incident's id.
func (p *PagerDuty) Traits() target.Traits {
	return target.Traits{
		Style: target.Pager, Keyed: true, LiveOnly: true, MaxAge: 15 * time.Minute,
		GroupWait: time.Minute, Retries: target.StateRetries(),
	}
}

// Close ends idle connections.
func (p *PagerDuty) Close() error {
	p.client.Close()
	return nil
}

// Send triggers or resolves. It returns no handle. A test triggers an alert of severity info and
// resolves it at once.
func (p *PagerDuty) Send(ctx context.Context, m *target.Message, _ target.Handle) (target.Handle, error) {
	e := makeEvent(m, p.publicURL)
	switch {
	case m.Kind == target.Notice: // a notice pages no one
		return nil, nil
	case m.Kind == target.Test:
		e.DedupKey, e.Payload.Severity = m.ID, "info"
		if err := p.enqueue(ctx, e); err != nil {
			return nil, err
		}
		e.Action = resolve
	case m.Exercise:
		return nil, &target.Fault{
			Err:     errors.New("the data are not live: exercises are not sent to PagerDuty"),
			Refused: true,
		}
	}
	return nil, p.enqueue(ctx, e)
}

// enqueue posts one event.
func (p *PagerDuty) enqueue(ctx context.Context, e event) error {
	e.RoutingKey = p.key
	body, err := json.Marshal(e)
	if err != nil {
		return &target.Fault{Err: fmt.Errorf("writing the event of %s: %w", e.DedupKey, err), Refused: true}
	}
	a, err := p.client.Do(ctx,
		httpclient.Request{URL: p.url, Header: http.Header{"Content-Type": {"application/json"}}, Body: body})
	if f := target.FaultOf(err); f != nil && a != nil {
		p.explain(f, a)
	}
	return err
}

// explain adds PagerDuty's message to a fault. Only a fault of the event itself refuses it
// permanently. Other 4xx answers, such as those of a proxy on the way, are retried, because they
// must not lose a page.
func (p *PagerDuty) explain(f *target.Fault, a *httpclient.Answer) {
	f.Refused = f.Refused && (a.Status == http.StatusBadRequest ||
		a.Status == http.StatusRequestEntityTooLarge || a.Status == http.StatusUnprocessableEntity ||
		a.Status < 400)
	var said struct {
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
	}
	if json.Unmarshal(a.Body, &said) != nil || said.Message == "" {
		return
	}
	f.Err = fmt.Errorf("%w: %s", f.Err,
		target.Quote(strings.Join(append([]string{said.Message}, said.Errors...), ": "), p.key))
}
