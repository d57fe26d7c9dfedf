package outagelog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Tally applies a filter to outages one by one, and counts the reasons why none passes. It is not
// safe for concurrent use.
type Tally struct {
	filter Filter
	// Outages counts the outages given to Add, except blips and retracted ones, which Hidden
	// counts.
	Outages, Hidden int
	passed          int
	// These count outages that fail in one respect only: they are hidden; their record names no
	// country; they are prefixes below, or above, an exact prefix of the filter.
	hidden, unlocated, below, above int
}

// NewTally returns a Tally for a filter.
func NewTally(f Filter) *Tally { return &Tally{filter: f} }

// Add counts an outage and reports whether it passes.
func (t *Tally) Add(o bgp.Outage) bool {
	if hidden(o) {
		t.Hidden++
	} else {
		t.Outages++
	}
	shown := t.filter.All || !hidden(o)
	switch matches := t.filter.matches(o); {
	case matches && shown:
		t.passed++
		return true
	case matches:
		t.hidden++
	case shown:
		t.countNear(o)
	}
	return false
}

// countNear counts an outage that fails in only one respect.
func (t *Tally) countNear(o bgp.Outage) {
	f := t.filter
	if len(f.Countries) > 0 && len(o.Countries) == 0 &&
		(o.Entity.Type == bgp.EntityAS || o.Entity.Type == bgp.EntityPrefix) {
		f.Countries = nil
		if f.matches(o) {
			t.unlocated++
		}
		return
	}
	if slices.ContainsFunc(f.Prefixes, func(m bgp.PrefixMatch) bool { return m.Mode == bgp.PrefixExact }) {
		if f.withMode(bgp.PrefixMoreSpecific).matches(o) {
			t.below++
		}
		if f.withMode(bgp.PrefixLessSpecific).matches(o) {
			t.above++
		}
	}
}

// Nothing describes that no outage passed, and the flags that would show some. It is empty if one
// passed.
func (t *Tally) Nothing() string {
	if t.passed > 0 {
		return ""
	}
	all := t.Outages
	if t.filter.All {
		all += t.Hidden
	}
	words := t.filter.Words()
	var text string
	switch {
	case all == 0 && (words == "" || t.Hidden == 0):
		text = "no outages"
	case all == 0:
		text = "no outages match " + words
	case all == 1:
		text = "the only outage does not match " + words
	default:
		text = fmt.Sprintf("none of the %d outages matches %s", all, words)
	}
	for _, more := range []struct {
		flag string
		n    int
		what string
	}{
		{"--all", t.hidden, " (blips and retracted)"},
		{"--less-specific", t.above, ", of prefixes that contain it"},
		{"--more-specific", t.below, ", of prefixes within it"},
	} {
		if more.n > 0 {
			text += fmt.Sprintf("; %s shows %d more%s", more.flag, more.n, more.what)
		}
	}
	switch {
	case t.unlocated == 1:
		text += "; the record of 1 network or prefix does not say in which country it is"
	case t.unlocated > 1:
		text += fmt.Sprintf("; the records of %d networks and prefixes do not say in which country they are",
			t.unlocated)
	}
	return text
}

// Words returns the filter as flags; empty if at most All is set.
func (f Filter) Words() string {
	var words []string
	add := func(flag string, values ...string) {
		if len(values) > 0 && values[0] != "" {
			words = append(words, flag+" "+strings.Join(values, ","))
		}
	}
	add("--from", timeWord(f.From))
	add("--to", timeWord(f.To))
	add("--country", f.Countries...)
	numbers := make([]string, len(f.ASNs))
	for i, a := range f.ASNs {
		numbers[i] = strconv.FormatUint(uint64(a), 10)
	}
	add("--asn", numbers...)
	prefixes := make([]string, len(f.Prefixes))
	for i, m := range f.Prefixes {
		prefixes[i] = m.Prefix.String()
	}
	add("--prefix", prefixes...)
	if len(f.Prefixes) > 0 {
		switch f.Prefixes[0].Mode {
		case bgp.PrefixMoreSpecific:
			words = append(words, "--more-specific")
		case bgp.PrefixLessSpecific:
			words = append(words, "--less-specific")
		case bgp.PrefixOverlapping:
			words = append(words, "--overlapping")
		case bgp.PrefixExact:
		}
	}
	types := make([]string, len(f.Types))
	for i, t := range f.Types {
		types[i] = t.String()
	}
	add("--type", types...)
	add("--family", f.Families...)
	add("--kind", texts(f.Kinds)...)
	add("--state", texts(f.States)...)
	add("--severity", string(f.MinSeverity))
	return strings.Join(words, " ")
}

func texts[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, x := range all {
		out[i] = string(x)
	}
	return out
}

// timeWord returns a time in the form of a flag; empty for the zero time.
func timeWord(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
