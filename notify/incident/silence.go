package incident

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
)

// maxSilences bounds the silences at one time.
const maxSilences = 1000

// Silence starts the silence s, or changes the silence that has the id of s. If the id is empty, it
// makes a new id. If From is zero, it sets From to now. It returns nil if there are too many
// silences, or if the silence would end before it begins.
func (e *Engine) Silence(s Silence, now time.Time) *Delivery {
	if s.From.IsZero() {
		s.From = now
	}
	if s.ID == "" {
		s.ID = e.silenceID(now)
	}
	if !s.Until.After(now) || !s.Until.After(s.From) || len(e.silences) >= maxSilences &&
		e.silences[s.ID] == nil {
		return nil
	}
	s.Reason, s.Who = lineSize.Cut(plaintext.Clean(s.Reason)), lineSize.Cut(plaintext.Clean(s.Who))
	d := &Delivery{Incident: s.ID, Began: now, Silence: &s}
	e.silences[s.ID], e.all[d.Key()] = d, d
	e.change(d)
	e.touchAll()
	return d
}

// silenceID returns an id for a new silence: its time and its number within the second. The number
// of a silence that was ended is not used again.
func (e *Engine) silenceID(now time.Time) string {
	prefix := "silence-" + now.UTC().Format("20060102T150405Z") + "-"
	last := &e.newest
	if last.prefix != prefix {
		last.prefix, last.number = prefix, 0
	}
	for id := range e.silences {
		if number, ok := strings.CutPrefix(id, prefix); ok {
			n, _ := strconv.Atoi(number) // a foreign id counts as 0
			last.number = max(last.number, n)
		}
	}
	last.number++
	return prefix + strconv.Itoa(last.number)
}

// EndSilence ends the silence with that id. It returns nil if there is no such silence.
func (e *Engine) EndSilence(id string, _ time.Time) *Delivery {
	d := e.silences[id]
	if d == nil {
		return nil
	}
	delete(e.silences, id)
	e.drop(d)
	e.touchAll()
	return d
}

// Silences returns the current and future silences, ordered by their end.
func (e *Engine) Silences(now time.Time) []Silence {
	var out []Silence
	for _, d := range e.silences {
		if d.Silence.Until.After(now) {
			out = append(out, *d.Silence)
		}
	}
	slices.SortFunc(out, func(a, b Silence) int {
		if c := a.Until.Compare(b.Until); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// endSilences ends the silences whose time is over.
func (e *Engine) endSilences(now time.Time) {
	for _, id := range slices.Sorted(maps.Keys(e.silences)) {
		if s := e.silences[id].Silence; !s.Until.After(now) {
			e.EndSilence(id, s.Until)
		}
	}
}

// touchAll marks every delivery that is not over for another decision.
func (e *Engine) touchAll() {
	for _, d := range e.all {
		if d.Switch == nil && d.Silence == nil && !d.done() {
			e.touch(d)
		}
	}
}

// silenced returns a silence that matches every active event of an incident; nil if there is none.
func (e *Engine) silenced(d *Delivery, s *standing, now time.Time) *Silence {
	return e.silence(d, s.active, func(x *Silence) bool { return !x.From.After(now) })
}

// wasSilenced reports whether an incident that is over was silenced until it ended.
func (e *Engine) wasSilenced(d *Delivery, s *standing) bool {
	var all []*Event
	for i := range d.Events {
		all = append(all, &d.Events[i])
	}
	return s.top != nil && e.silence(d, all, func(x *Silence) bool { return !x.From.After(d.Ended) }) != nil
}

func (e *Engine) silence(d *Delivery, events []*Event, holds func(*Silence) bool) *Silence {
	if len(e.silences) == 0 || len(events) == 0 {
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(e.silences)) {
		s := e.silences[id].Silence
		if holds(s) && !slices.ContainsFunc(events, func(ev *Event) bool { return !s.fits(d.Route, ev) }) {
			return s
		}
	}
	return nil
}

// fits reports whether the silence matches an event of a route.
func (s *Silence) fits(route string, ev *Event) bool {
	if !anyOf(s.Routes, route) || !anyOf(s.Types, ev.Type.String()) {
		return false
	}
	if len(s.Codes) > 0 &&
		!slices.ContainsFunc(s.Codes, func(c string) bool { return strings.EqualFold(c, ev.Code) }) {
		return false
	}
	return len(s.Watch) == 0 || slices.ContainsFunc(s.Watch, func(list string) bool {
		return slices.Contains(ev.Watch, list) || ev.Type == bgp.EntityWatch && ev.Code == list
	})
}

// words formats the id, the end, the author and the reason of a silence.
func (s *Silence) words() string {
	out := s.ID + ", until " + stamp(s.Until)
	if s.Who != "" {
		out += ", by " + s.Who
	}
	if s.Reason != "" {
		out += ": " + s.Reason
	}
	return out
}
