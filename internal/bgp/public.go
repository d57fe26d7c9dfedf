package bgp

import (
	"encoding/json"
	"slices"
	"strings"
)

// PrivateCollector reports whether a collector is a router of the operator (bmp/...). Only people
// who are logged in see its name.
func PrivateCollector(name string) bool { return strings.HasPrefix(name, "bmp/") }

// OfPublicList reports whether a record marks a watch list as public.
func (o *Outage) OfPublicList(list string) bool {
	return slices.ContainsFunc(o.Watch, func(m WatchMember) bool { return m.List == list && m.Public })
}

// Public returns the parts of an outage that anybody may see. It removes watch lists that are not
// public, also from Previous. It returns false if the whole outage comes from such lists: an event
// of the list itself, or one of the kind origin. Public does not change o.
func (o *Outage) Public() (Outage, bool) {
	switch {
	case o.Entity.Type == EntityWatch && !o.OfPublicList(o.Entity.Code):
		return Outage{}, false
	case o.Kind == KindOrigin && !slices.ContainsFunc(o.Watch, func(m WatchMember) bool { return m.Public }):
		return Outage{}, false
	}
	out := *o
	out.Watch = keep(o.Watch, func(m WatchMember) bool { return m.Public })
	out.Parents = keep(o.Parents, func(p Parent) bool { return p.Type != EntityWatch || o.OfPublicList(p.Code) })
	out.Previous = publicPrevious(o.Previous)
	return out, true
}

// Private reports whether Public removes anything.
func (o *Outage) Private() bool {
	return o.Entity.Type == EntityWatch && !o.OfPublicList(o.Entity.Code) ||
		slices.ContainsFunc(o.Watch, func(m WatchMember) bool { return !m.Public }) ||
		slices.ContainsFunc(o.Parents, func(p Parent) bool {
			return p.Type == EntityWatch && !o.OfPublicList(p.Code)
		}) ||
		o.Kind == KindOrigin || o.Previous != nil
}

// publicPrevious applies Public to the previous state. It returns nil if that state cannot be read
// or none of it is public.
func publicPrevious(raw *json.RawMessage) *json.RawMessage {
	if raw == nil {
		return nil
	}
	var before Outage
	if json.Unmarshal(*raw, &before) != nil {
		return nil
	}
	before.Previous = nil // a previous state has none itself
	shown, ok := before.Public()
	if !ok {
		return nil
	}
	b, err := json.Marshal(shown)
	if err != nil {
		return nil
	}
	return (*json.RawMessage)(&b)
}

// keep returns the elements that pass in a new slice, or nil if none passes.
func keep[T any](all []T, pass func(T) bool) []T {
	var out []T
	for _, x := range all {
		if pass(x) {
			out = append(out, x)
		}
	}
	return out
}
