package notify

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target"
)

// Describe lists the routes with their targets, targets without a route, and the heartbeat, a line
// each.
func (c Config) Describe() []string {
	var lines []string
	for _, r := range c.Routes {
		to := make([]string, len(r.To))
		for i, name := range r.To {
			to[i] = name
			if t := c.Targets[name]; t != nil {
				if k, ok := kindOf(t); ok {
					to[i] += " (" + k.name + ")"
				}
			}
		}
		lines = append(lines, fmt.Sprintf("%-11s route %s tells %s", Name, r.Name, strings.Join(to, ", ")))
	}
	named := map[string]bool{}
	for _, r := range c.Routes {
		for _, name := range r.To {
			named[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Targets)) {
		if !named[name] {
			lines = append(lines, fmt.Sprintf("%-11s no route names %s: it is told nothing", Name, name))
		}
	}
	if c.Heartbeat != nil || c.beats() {
		lines = append(lines,
			fmt.Sprintf("%-11s a heartbeat goes out every %s while windows are decided", Name,
				config.Duration(c.beatInterval())))
	}
	return lines
}

// Test sends a test message to a target. If the target can check its settings, Test calls that
// check first.
func Test(ctx context.Context, c Config, p *Place, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if checker, ok := p.Target.(target.Checker); ok {
		if err := checker.Check(ctx); err != nil {
			return err
		}
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	const text = "This is a test of darkmap's alerts. Somebody ran darkmap notify test; nothing is dark."
	now = now.UTC().Truncate(time.Second)
	_, err := p.Send(ctx, &target.Message{
		ID: hex.EncodeToString(id), Number: 1, Kind: target.Test, Subject: target.SubjectNone, Time: now,
		Start: now, Link: strings.TrimRight(c.PublicURL, "/"),
		Title: "Test", Headline: "Test of darkmap's alerts: nothing is dark", Post: text, Summary: text,
	}, nil)
	return err
}
