package alertmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// The names of the heartbeat's alerts. DarkmapHeartbeat fires while heartbeats come. DarkmapSilent always fires, and an inhibition rule of
// Alertmanager's (examples/alertmanager/alertmanager.yml) keeps it quiet while DarkmapHeartbeat of the same darkmap and time fires.
const (
	nameHeartbeat = "DarkmapHeartbeat"
	nameSilent    = "DarkmapSilent"
)

// silentLasts is for how long DarkmapSilent fires after the last heartbeat.
const silentLasts = 30 * 24 * time.Hour

// heartbeat is what Beat remembers. Beat alone uses it.
type heartbeat struct {
	name string // of this darkmap
	// since is when heartbeats began to come without a pause: it is a label, so that what fired in an earlier pause is another alert, and can end.
	since, last time.Time
}

// lasts is for how long DarkmapHeartbeat fires after a heartbeat: two may come late, or one be lost.
func lasts(interval time.Duration) time.Duration { return interval * 5 / 2 }

// Beats reports whether the target wants heartbeats.
func (a *Alertmanager) Beats() bool { return a.heart.name != "" }

// Beat says that darkmap lives: every instance gets the two alerts of the heartbeat, and the ends of those that fired in earlier pauses. It fails
// where no instance takes them. interval is the time until the next one. One call at a time.
func (a *Alertmanager) Beat(ctx context.Context, interval time.Duration) error {
	now := a.now()
	h := &a.heart
	if h.last.IsZero() || now.Sub(h.last) >= lasts(interval) {
		h.since = now
	}
	alive, silent := h.alerts(now, interval, a.publicURL)
	err := a.outcome(a.each(func(i *instance) error {
		earlier, err := a.earlier(ctx, i, silent, now)
		if err != nil { // the heartbeat goes out all the same; the next one asks again
			a.log.Warn("an Alertmanager does not say which alerts of earlier pauses fire: they are not ended yet",
				"target", a.name, "instance", i.url.Host, "err", err)
		}
		body, err := json.Marshal(slices.Concat(earlier, []alert{alive, silent}))
		if err != nil {
			return &target.Fault{Err: fmt.Errorf("writing a heartbeat: %w", err), Refused: true}
		}
		return a.post(ctx, i, body)
	}), "heartbeats", func(i *instance) *bool { return &i.missed })
	if err == nil {
		h.last = now
	}
	return err
}

// alerts are the two of a heartbeat.
func (h *heartbeat) alerts(now time.Time, interval time.Duration, publicURL string) (alive, silent alert) {
	since := h.since.UTC().Format(time.RFC3339)
	one := func(name, severity, summary, description string, end time.Time) alert {
		return alert{
			Labels:      map[string]string{"alertname": name, "severity": severity, "darkmap": h.name, "since": since},
			Annotations: map[string]string{"summary": summary, "description": description},
			StartsAt:    h.since.UTC(), EndsAt: end.UTC(), GeneratorURL: generator(publicURL),
		}
	}
	alive = one(nameHeartbeat, "none", "darkmap "+h.name+" decides windows and can tell of outages",
		"It fires while heartbeats come. It keeps DarkmapSilent quiet.", now.Add(lasts(interval)))
	silent = one(nameSilent, "total", "darkmap "+h.name+" is silent: nobody is told of outages",
		"darkmap sends no heartbeat any more: it does not run, its Kafka is away, or it decides no windows. No outage is told meanwhile, and no end of one.", now.Add(
			silentLasts))
	return alive, silent
}

// earlier are the ends of alerts DarkmapSilent of this darkmap that an instance has from before the last pause.
func (a *Alertmanager) earlier(ctx context.Context, i *instance, own alert, now time.Time) ([]alert, error) {
	u := i.url.JoinPath("api", "v2", "alerts")
	u.RawQuery = url.Values{
		"filter": {`alertname="` + nameSilent + `"`, `darkmap="` + a.heart.name + `"`}}.Encode()
	answer, err := a.client.Do(ctx, httpclient.Request{Method: http.MethodGet, URL: u})
	if err != nil {
		return nil, err
	}
	var fires []alert
	if err := json.Unmarshal(answer.Body, &fires); err != nil {
		return nil, fmt.Errorf("reading its alerts: %w", err)
	}
	fires = slices.DeleteFunc(fires, func(f alert) bool { return f.Labels["since"] == own.Labels["since"] })
	for n := range fires {
		fires[n].EndsAt = between(fires[n].StartsAt, now, now).UTC()
	}
	return fires, nil
}
