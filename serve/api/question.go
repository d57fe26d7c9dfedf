package api

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/timespan"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/history"
	"github.com/darkmap/darkmap/serve/live"
)

// DatasetInput holds the parameter of all operations. It is exported because huma reads no fields
// of an embedded type that is not exported.
type DatasetInput struct {
	Dataset string `query:"dataset" maxLength:"63" pattern:"^[a-z0-9][a-z0-9_-]*$" doc:"The dataset. Without it that of the server."`
}

var datasetName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// moment is a request about a dataset.
type moment struct {
	r       *http.Request
	dataset string
	scope   history.Scope
	// present is the state of the server's dataset. here reports whether the request is about that
	// dataset.
	present *live.Snapshot
	here    bool
}

// about returns the moment of a request about a dataset. An empty name means the server's dataset.
func (s *service) about(r *http.Request, dataset string) moment {
	if dataset == "" {
		dataset = s.Dataset
	}
	return moment{
		r: r, dataset: dataset, scope: s.ScopeOf(r, dataset), present: s.Snapshot(r),
		here: dataset == s.Dataset,
	}
}

// end returns the time up to which the dataset is decided: the end of the newest decided minute.
func (s *service) end(m moment) (time.Time, error) {
	if m.here && !m.present.Minute.IsZero() {
		return m.present.Until(), nil
	}
	if s.History.Known() != nil && m.here {
		return time.Time{}, history.ErrNotFound
	}
	return s.History.End(m.r.Context(), m.scope)
}

// latest bounds the times of questions, since times of the store have 32 bits.
var latest = time.Unix(1<<32-1, 0).UTC()

// readTime reads a time as users type it. It returns zero if text is empty.
func readTime(key, text string) (time.Time, error) {
	t, lasts, err := timespan.Parse(text)
	if key == "until" && lasts == timespan.Day { // a date is a whole day
		t = t.Add(lasts)
	}
	switch {
	case err != nil:
		return t, refused(key, "%s", err)
	case text != "" && (t.Unix() < 0 || t.After(latest)):
		return t, refused(key, "the time lies outside of 1970 to 2106")
	}
	return t, nil
}

// readLength reads a length of time as users type it. It returns zero if text is empty.
func readLength(key, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := timespan.ParseLength(text)
	if err != nil {
		return 0, refused(key, "%s", err)
	}
	return d, nil
}

// readKey reads the name of an entity. It accepts codes of places in any case, and AS numbers with
// or without "AS".
func readKey(entityType, code, family string) (live.Key, error) {
	var k live.Key
	if err := k.Type.UnmarshalText([]byte(entityType)); err != nil {
		return k, refused("type", "%s", err)
	}
	k.Code = canonical(k.Type, code)
	if k.Family, _ = bgp.FamilyNamed(family); k.Family == 0 {
		k.Family = bgp.IPv4
		if k.Type == bgp.EntityPrefix && strings.Contains(code, ":") {
			k.Family = bgp.IPv6
		}
	}
	return k, nil
}

// canonical returns the code of an entity in the form that outages have.
func canonical(t bgp.EntityType, code string) string {
	switch t {
	case bgp.EntityCountry, bgp.EntityRegion:
		return strings.ToUpper(code)
	case bgp.EntityAS:
		if asn, err := bgp.ParseASN(code); err == nil {
			return asn.String()
		}
	case bgp.EntityWorld:
		return "world"
	case bgp.EntityPrefix, bgp.EntityWatch:
	}
	return code
}

// reason explains why a question failed. It returns "" if err is nil.
func reason(err error) string {
	if err == nil {
		return ""
	}
	return serve.Reason(err)
}
