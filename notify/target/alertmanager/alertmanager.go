package alertmanager

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// testLasts is how long the alert of a test fires.
const testLasts = 5 * time.Minute

// instance is one Alertmanager.
type instance struct {
	url    *url.URL // without /api/v2
	failed bool     // the result of the last Send, which alone uses it
	missed bool     // the result of the last heartbeat; Beat alone uses it
}

// Alertmanager is a set of Alertmanagers that get the same alerts.
type Alertmanager struct {
	client       *httpclient.Client
	instances    []*instance
	resolveAfter time.Duration
	publicURL    string
	name         string
	heart        heartbeat
	now          func() time.Time
	log          *slog.Logger
}

// New makes a target. It does not connect.
func New(cfg Config, d target.Deps) (*Alertmanager, error) {
	a := &Alertmanager{
		resolveAfter: cmp.Or(cfg.ResolveAfter, usualResolveAfter), publicURL: d.PublicURL,
		name: d.Name, now: d.Now, log: d.Logger,
	}
	a.heart.name = cfg.Heartbeat
	if len(cfg.Instances) == 0 {
		return nil, errors.New("instances: want at least one Alertmanager")
	}
	var err error
	if a.client, err = httpclient.New(cfg.HTTP, d); err != nil {
		return nil, err
	}
	for i, e := range cfg.Instances {
		u, err := e.Read()
		if err != nil {
			return nil, fmt.Errorf("instances[%d]: %w", i, err)
		}
		a.client.LogProxy(d, u)
		a.instances = append(a.instances, &instance{url: u})
	}
	return a, nil
}

// Traits returns the traits of a pager that repeats open incidents every minute. News of an open
// incident is rarely too late, because its alerts are a state.
func (a *Alertmanager) Traits() target.Traits {
	return target.Traits{
		Style: target.Pager, Keyed: true, LiveOnly: true, MaxAge: 24 * time.Hour,
		Resend: time.Minute, GroupWait: time.Minute, Retries: target.StateRetries(),
	}
}

// Close ends idle connections.
func (a *Alertmanager) Close() error {
	a.client.Close()
	return nil
}

// Check requests the status of every instance. It fails if no instance answers.
func (a *Alertmanager) Check(ctx context.Context) error {
	errs := a.each(func(i *instance) error {
		_, err := a.client.Do(ctx,
			httpclient.Request{Method: http.MethodGet, URL: i.url.JoinPath("api", "v2", "status")})
		return err
	})
	if slices.Contains(errs, nil) {
		return nil
	}
	return worst(errs)
}

// Send posts the incident's alerts to every instance. It fails if no instance accepts them.
func (a *Alertmanager) Send(ctx context.Context, m *target.Message, h target.Handle) (target.Handle, error) {
	now := a.now()
	var alerts []alert
	var is memory
	switch {
	case m.Kind == target.Test:
		alerts = a.test(m, now)
	case m.Kind == target.Notice: // a notice is not about an incident, and an alert is
		return nil, nil
	case m.Exercise:
		return nil, &target.Fault{
			Err:     errors.New("the data are not live: exercises are not sent to an Alertmanager"),
			Refused: true,
		}
	default:
		was, err := remember(h, m, now)
		if err != nil {
			return nil, &target.Fault{Err: err, Refused: true}
		}
		is = was.next(m, now)
		alerts = is.alerts(m, a.resolveAfter, now, a.publicURL)
	}
	body, err := json.Marshal(alerts)
	if err != nil {
		return nil, &target.Fault{Err: fmt.Errorf("writing the alerts of %s: %w", m.Incident, err), Refused: true}
	}
	err = a.outcome(a.each(func(i *instance) error { return a.post(ctx, i, body) }), "alerts",
		func(i *instance) *bool { return &i.failed })
	if err != nil || m.Kind == target.Test {
		return nil, err
	}
	after, err := json.Marshal(is)
	return after, err
}

// post posts a list of alerts to an instance.
func (a *Alertmanager) post(ctx context.Context, i *instance, body []byte) error {
	_, err := a.client.Do(ctx, httpclient.Request{
		URL:    i.url.JoinPath("api", "v2", "alerts"),
		Header: http.Header{"Content-Type": {"application/json"}}, Body: body,
	})
	return err
}

// test returns an alert that ends by itself.
func (a *Alertmanager) test(m *target.Message, now time.Time) []alert {
	t := *m
	t.Incident, t.Subject, t.Start = "", target.SubjectNone, now
	return memory{Severity: bgp.SeverityMinor}.alerts(&t, testLasts, now, a.publicURL)
}

// each calls do for all instances at once, and returns their errors in order.
func (a *Alertmanager) each(do func(*instance) error) []error {
	errs := make([]error, len(a.instances))
	var all sync.WaitGroup
	for n, i := range a.instances {
		all.Go(func() { errs[n] = do(i) })
	}
	all.Wait()
	return errs
}

// outcome returns nil if at least one instance accepted the request. It logs once that an instance
// fails, and once that it accepts again. failed returns the flag of an instance that remembers
// this.
func (a *Alertmanager) outcome(errs []error, what string, failed func(*instance) *bool) error {
	taken := slices.Contains(errs, nil)
	for n, i := range a.instances {
		was := failed(i)
		switch err := errs[n]; {
		case err != nil && taken && !*was:
			a.log.Warn("an Alertmanager does not accept requests: others do", "target", a.name, "instance",
				i.url.Host, "what", what, "err", err)
		case err == nil && *was:
			a.log.Info("an Alertmanager accepts requests again", "target", a.name, "instance", i.url.Host,
				"what", what)
		}
		*was = errs[n] != nil && taken
	}
	if taken {
		return nil
	}
	return worst(errs)
}

// worst joins the errors of all instances. The result is Refused only if all instances refuse, and
// Gone only if all are gone.
func worst(errs []error) error {
	all := &target.Fault{Refused: true, Gone: true}
	var texts []string
	for _, err := range errs {
		f := target.FaultOf(err)
		if f == nil {
			return err // the request was cancelled
		}
		texts = append(texts, f.Err.Error())
		all.Status, all.Refused, all.Gone = f.Status, all.Refused && (f.Refused || f.Gone), all.Gone && f.Gone
		all.RetryAfter = max(all.RetryAfter, f.RetryAfter)
	}
	all.Err, all.Refused = errors.New(strings.Join(texts, "; ")), all.Refused && !all.Gone
	return all
}
