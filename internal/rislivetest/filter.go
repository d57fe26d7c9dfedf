package rislivetest

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
)

// filter is the filter of a subscription.
type filter struct {
	Host         string          `json:"host,omitempty"`
	Type         string          `json:"type,omitempty"`
	Require      string          `json:"require,omitempty"`
	Peer         string          `json:"peer,omitempty"`
	Path         json.RawMessage `json:"path,omitempty"`
	Prefix       json.RawMessage `json:"prefix,omitempty"`
	MoreSpecific *bool           `json:"moreSpecific,omitempty"`
	LessSpecific *bool           `json:"lessSpecific,omitempty"`
	Options      *socketOptions  `json:"socketOptions,omitempty"`

	prefixes []netip.Prefix
	path     string
}

type socketOptions struct {
	IncludeRaw  bool `json:"includeRaw"`
	Acknowledge bool `json:"acknowledge"`
}

// parseFilter reads the data of ris_subscribe or ris_unsubscribe.
func parseFilter(data json.RawMessage) (*filter, error) {
	f := &filter{}
	if len(data) > 0 {
		if err := json.Unmarshal(data, f); err != nil {
			return nil, fmt.Errorf("reading a filter: %w", err)
		}
	}
	f.Host = strings.TrimSuffix(f.Host, ".ripe.net")
	f.path = strings.Trim(string(f.Path), `"`)
	var texts []string
	if len(f.Prefix) > 0 && json.Unmarshal(f.Prefix, &texts) != nil {
		texts = []string{strings.Trim(string(f.Prefix), `"`)}
	}
	for _, t := range texts {
		p, err := netip.ParsePrefix(t)
		if err != nil {
			return nil, fmt.Errorf("reading a filter: %w", err)
		}
		f.prefixes = append(f.prefixes, p.Masked())
	}
	return f, nil
}

// same reports whether o is the same filter, apart from the socket options.
func (f *filter) same(o *filter) bool {
	a, b := *f, *o
	a.Options, b.Options = nil, nil
	x, _ := json.Marshal(a) //nolint:errchkjson // strings
	y, _ := json.Marshal(b) //nolint:errchkjson // strings
	return string(x) == string(y)
}

func (f *filter) matches(m *message) bool {
	switch {
	case f.Host != "" && f.Host != m.host, f.Type != "" && f.Type != m.typ, f.Peer != "" && f.Peer != m.peer:
		return false
	case f.Require == "announcements" && !m.announces, f.Require == "withdrawals" && !m.withdraws:
		return false
	case f.path != "" && !f.matchesPath(m.path):
		return false
	}
	return len(f.prefixes) == 0 || f.matchesPrefix(m)
}

// matchesPath reports whether the path contains a sequence such as "64496,64497"; ^ and $ mark the
// ends of the path.
func (f *filter) matchesPath(path string) bool {
	want, end := strings.CutSuffix(f.path, "$")
	want, start := strings.CutPrefix(want, "^")
	want, path = ","+want+",", ","+path+","
	switch {
	case start && end:
		return path == want
	case start:
		return strings.HasPrefix(path, want)
	case end:
		return strings.HasSuffix(path, want)
	}
	return strings.Contains(path, want)
}

func (f *filter) matchesPrefix(m *message) bool {
	more := f.MoreSpecific == nil || *f.MoreSpecific
	less := f.LessSpecific != nil && *f.LessSpecific
	for _, want := range f.prefixes {
		for _, p := range m.prefixes {
			if p == want || more && p.Bits() > want.Bits() && want.Contains(p.Addr()) ||
				less && p.Bits() < want.Bits() && p.Contains(want.Addr()) {
				return true
			}
		}
	}
	return false
}
