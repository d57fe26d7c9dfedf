package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// maxLook is the maximum age of the loop's last check: a loop that waits for Kafka decides nothing.
const maxLook = 30 * time.Second

// usualInterval is the default interval between two heartbeats.
const usualInterval = time.Minute

// health is the state of the routes' families at the loop's last check.
type health struct {
	at  time.Time
	why string // empty if the windows of all families are decided
}

// beatInterval returns the interval between two heartbeats.
func (c Config) beatInterval() time.Duration {
	if c.Heartbeat == nil {
		return usualInterval
	}
	return cmp.Or(c.Heartbeat.Interval, usualInterval)
}

// beater is a target that takes heartbeats.
type beater interface {
	// Beats reports whether the target is configured to take heartbeats.
	Beats() bool
	// Beat sends a heartbeat. interval is the time until the next one.
	Beat(ctx context.Context, interval time.Duration) error
}

// Heart is a dead man's switch. While windows are decided, it requests a URL at an interval and
// sends heartbeats to targets that take them. A receiver that gets no heartbeat for long enough
// raises an alarm.
type Heart struct {
	client   *httpclient.Client // nil without a URL
	request  httpclient.Request
	targets  []namedBeater
	interval time.Duration
	log      *slog.Logger
}

type namedBeater struct {
	name string
	beater
}

// OpenHeart makes the heart of the configuration and of the targets that take heartbeats. It
// returns nil if there are none. The error does not contain the URL.
func (c Config) OpenHeart(d OpenDeps, places map[string]*Place) (*Heart, error) {
	h := &Heart{interval: c.beatInterval(), log: d.Log}
	for _, name := range slices.Sorted(maps.Keys(places)) {
		if b, ok := places[name].Target.(beater); ok && b.Beats() {
			h.targets = append(h.targets, namedBeater{name, b})
		}
	}
	if c.Heartbeat == nil {
		if len(h.targets) == 0 {
			return nil, nil //nolint:nilnil // none is wanted
		}
		return h, nil
	}
	u, err := c.Heartbeat.Read()
	if err != nil {
		return nil, fmt.Errorf("notify.heartbeat: %w", err)
	}
	h.client, err = httpclient.New(c.Heartbeat.HTTP,
		target.Deps{Name: "heartbeat", Version: d.Version, Now: d.Now, Logger: d.Log})
	if err != nil {
		return nil, fmt.Errorf("notify.heartbeat: %w", err)
	}
	h.request = httpclient.Request{Method: cmp.Or(c.Heartbeat.Method, http.MethodGet), URL: u}
	return h, nil
}

// run sends heartbeats until ctx ends.
func (h *Heart) run(ctx context.Context, s *Stage) {
	t := time.NewTicker(h.interval)
	defer t.Stop()
	if h.client != nil {
		defer h.client.Close()
	}
	for {
		if why := s.unwell(time.Now(), h.staleAfter()); why != "" {
			h.log.Warn("no heartbeat: nothing is decided", "reason", why)
		} else {
			h.beat(ctx, s.m)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Beat sends one heartbeat to all receivers at once, so that a slow receiver delays no other. It
// returns how many receivers accepted it, how many did not, and their errors. The errors do not
// contain the URL.
func (h *Heart) Beat(ctx context.Context) (taken, missed int, err error) {
	ctx, cancel := context.WithTimeout(ctx, min(h.interval, sendTimeout))
	defer cancel()
	beats := make(map[string]func() error, len(h.targets)+1)
	if h.client != nil {
		beats[h.request.URL.Host] = func() error {
			_, err := h.client.Do(ctx, h.request)
			return err
		}
	}
	for _, b := range h.targets {
		beats["target "+b.name] = func() error { return b.Beat(ctx, h.interval) }
	}
	answers := make(chan error, len(beats))
	for to, send := range beats {
		go func() { // ends with ctx at the latest
			err := send()
			if err != nil {
				err = fmt.Errorf("%s: %w", to, err)
			}
			answers <- err
		}()
	}
	for range beats {
		if failed := <-answers; failed != nil {
			err = errors.Join(err, failed)
			missed++
		}
	}
	return len(beats) - missed, missed, err
}

// beat sends one heartbeat, counts it and logs failures.
func (h *Heart) beat(ctx context.Context, m *metrics) {
	taken, missed, err := h.Beat(ctx)
	m.beats.Add(float64(taken))
	m.missed.Add(float64(missed))
	if err != nil {
		h.log.Warn("the heartbeat failed", "err", err)
	}
}

// staleAfter returns the maximum age of the loop's last check: half of a short interval, so that
// heartbeats stop soon after Kafka becomes unavailable.
func (h *Heart) staleAfter() time.Duration { return min(maxLook, max(h.interval/2, 2*lookInterval)) }

// unwell returns the reason why no heartbeat is sent; empty if one is sent.
func (s *Stage) unwell(now time.Time, staleAfter time.Duration) string {
	h := s.health.Load()
	switch {
	case h == nil:
		return "nothing is known yet"
	case now.Sub(h.at) > staleAfter:
		return fmt.Sprintf("notify waits for Kafka since %s", bgp.DurationText(now.Sub(h.at)))
	}
	return h.why
}

// look saves the state of the families and updates the metrics of waiting messages.
func (x *session) look(now time.Time) {
	var why []string
	families := x.engine.Families()
	// No route names live data, but a heartbeat is configured.
	if len(families) == 0 {
		families = bgp.Families[:]
	}
	for _, f := range families {
		if reason, ok := x.engine.Healthy(f, now); !ok {
			why = append(why, reason)
		}
	}
	x.health.Store(&health{time.Now(), strings.Join(why, "; ")})
	if now.Sub(x.counted) < statusInterval {
		return
	}
	x.counted = now
	for _, st := range x.engine.Status(now) {
		if m := x.m.targets[st.Target]; m != nil {
			m.status(st, now)
		}
	}
}
