package notify

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// staleAfter is how old the loop's last look may be: a loop that waits for Kafka decides nothing.
const staleAfter = 30 * time.Second

// usualInterval is the time between two heartbeats unless the configuration says another.
const usualInterval = time.Minute

// health is the state of the routes' families at the loop's last check.
type health struct {
	at  time.Time
	why string // empty: the windows of all families are decided
}

// every is the time between two heartbeats.
func (c HeartbeatConfig) every() time.Duration { return cmp.Or(c.Interval, usualInterval) }

// Heart is a dead man's switch: it asks for a URL again and again while windows are decided, so that a watchdog
// that gets no request for long enough raises the alarm.
type Heart struct {
	client   *httpclient.Client
	request  httpclient.Request
	interval time.Duration
	log      *slog.Logger
}

// OpenHeart makes the heart of the configuration; nil where none is wanted. The error does not show the URL.
func (c Config) OpenHeart(d OpenDeps) (*Heart, error) {
	if c.Heartbeat == nil {
		return nil, nil //nolint:nilnil // none is wanted
	}
	u, err := c.Heartbeat.Read()
	if err != nil {
		return nil, fmt.Errorf("notify.heartbeat: %w", err)
	}
	client, err := httpclient.New(c.Heartbeat.HTTP, target.Deps{Name: "heartbeat", Version: d.Version, Now: d.Now, Logger: d.Log})
	if err != nil {
		return nil, fmt.Errorf("notify.heartbeat: %w", err)
	}
	request := httpclient.Request{Method: cmp.Or(c.Heartbeat.Method, http.MethodGet), URL: u}
	return &Heart{client: client, request: request, interval: c.Heartbeat.every(), log: d.Log}, nil
}

// run beats until ctx ends.
func (h *Heart) run(ctx context.Context, s *Stage) {
	t := time.NewTicker(h.interval)
	defer t.Stop()
	for {
		if why := s.unwell(time.Now()); why != "" {
			h.log.Warn("no heartbeat: nothing is decided", "reason", why)
		} else if err := h.Beat(ctx); err != nil {
			s.m.missed.Inc()
			h.log.Warn("the heartbeat failed", "err", err)
		} else {
			s.m.beats.Inc()
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Beat asks for the URL once. The error does not show it.
func (h *Heart) Beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, min(h.interval, sendTimeout))
	defer cancel()
	_, err := h.client.Do(ctx, h.request)
	return err
}

// unwell is why no heartbeat goes out; empty where one does.
func (s *Stage) unwell(now time.Time) string {
	h := s.health.Load()
	switch {
	case h == nil:
		return "nothing is known yet"
	case now.Sub(h.at) > staleAfter:
		return fmt.Sprintf("notify waits for Kafka since %s", bgp.DurationText(now.Sub(h.at)))
	}
	return h.why
}

// look saves the state of the families, and updates the metrics of waiting messages.
func (x *session) look(now time.Time) {
	var why []string
	for _, f := range x.engine.Families() {
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
