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

// The names of the heartbeat's alerts. DarkmapHeartbeat fires while heartbeats come. DarkmapSilent
// always fires. An inhibition rule of Alertmanager (examples/alertmanager/alertmanager.yml) mutes
// it while DarkmapHeartbeat of the same darkmap and time fires.
const (
	nameHeartbeat = "DarkmapHeartbeat"
	nameSilent    = "DarkmapSilent"
)

// silentLasts is how long DarkmapSilent fires after the last heartbeat.
const silentLasts = 30 * 24 * time.Hour

// heartbeat is the state of Beat, which alone uses it.
type heartbeat struct {
	name string // the name of this darkmap
	// since is the start of the current run of heartbeats without a pause. It is a label, so that
	// an alert that fired in an earlier pause is a different alert and can end.
	since, last time.Time
}

// lasts returns how long DarkmapHeartbeat fires after a heartbeat. It tolerates a late or lost
// heartbeat.
func lasts(interval time.Duration) time.Duration { return interval * 5 / 2 }

// Beats reports whether the target is configured to take heartbeats.
func (a *Alertmanager) Beats() bool { return a.heart.name != "" }

// Beat sends a heartbeat. Every instance gets the two alerts of the heartbeat, and the ends of
// alerts that fired in earlier pauses. It fails if no instance accepts them. interval is the time
// until the next heartbeat. Calls must not overlap.
func (a *Alertmanager) Beat(ctx context.Context, interval time.Duration) error {
	now := a.now()
	h := &a.heart
	if h.last.IsZero() || now.Sub(h.last) >= lasts(interval) {
		h.since = now
	}
	alive, silent := h.alerts(now, interval, a.publicURL)
	err := a.outcome(a.each(func(i *instance) error {
		earlier, err := a.earlier(ctx, i, silent, now)
		// The heartbeat is sent despite this error. The next one asks again.
		if err != nil {
			a.log.Warn("an Alertmanager does not list the firing alerts of earlier pauses: they are not ended yet",
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

// alerts returns the two alerts of a heartbeat.
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
		"darkmap sends no heartbeat any more: it does not run, its Kafka is away, or it decides no windows. "+
			"No outage is told meanwhile, and no end of one.", now.Add(silentLasts))
	return alive, silent
}

// earlier returns the ends of DarkmapSilent alerts of this darkmap that an instance has from before
// the last pause.
func (a *Alertmanager) earlier(ctx context.Context, i *instance, own alert, now time.Time) ([]alert, error) {
	u := i.url.JoinPath("api", "v2", "alerts")
	u.RawQuery = url.Values{
		"filter": {`alertname="` + nameSilent + `"`, `darkmap="` + a.heart.name + `"`},
	}.Encode()
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
