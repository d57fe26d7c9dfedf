package api

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// iodaAlert is an alert in IODA's format: the beginning or the end of an outage.
type iodaAlert struct {
	Datasource   string     `json:"datasource"`
	Entity       iodaEntity `json:"entity"`
	Time         int64      `json:"time"`
	Level        string     `json:"level"`
	Condition    string     `json:"condition"`
	Value        int64      `json:"value"`
	HistoryValue int64      `json:"historyValue"`
	Method       string     `json:"method"`
	ID           string     `json:"id"` // darkmap's addition
}

// iodaMethod names the reference of a loss.
const iodaMethod = "baseline"

func rounded(d bgp.Decimal) int64 { return int64(math.Round(number(d))) }

// alertsOf returns alerts for the beginning and the end of an outage.
func alertsOf(o bgp.Outage) []iodaAlert {
	usual := rounded(o.Baseline.Space)
	begin := iodaAlert{
		Datasource: sourceOf(o.Family), Entity: iodaEntityOf(o.Entity), Time: o.Start.Unix(),
		Level: "warning", Condition: "< baseline",
		Value: max(0, rounded(o.Baseline.Space-o.Peak.LostSpace)), HistoryValue: usual,
		Method: iodaMethod, ID: o.ID,
	}
	if o.Severity == bgp.SeverityMajor || o.Severity == bgp.SeverityTotal {
		begin.Level = "critical"
	}
	if o.End == nil {
		return []iodaAlert{begin}
	}
	end := begin
	end.Time, end.Level, end.Condition = o.End.Unix(), "normal", "normal"
	end.Value = max(0, rounded(o.Baseline.Space-o.Now.LostSpace))
	return []iodaAlert{begin, end}
}

func (s *service) iodaAlerts(q *iodaQuery) (any, error) {
	found, err := s.iodaOutages(q)
	if err != nil {
		return nil, err
	}
	var all []iodaAlert
	for _, o := range found {
		for _, a := range alertsOf(o) {
			if a.Time >= q.from.Unix() && a.Time < q.until.Unix() {
				all = append(all, a)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b iodaAlert) int { return cmp.Compare(a.Time, b.Time) })
	return paged(q, all), nil
}

// codfEvent is an event in the format codf.
type codfEvent struct {
	Location       string  `json:"location"`
	Start          int64   `json:"start"`
	Duration       int64   `json:"duration"`
	Uncertainty    *string `json:"uncertainty"`
	Method         string  `json:"method"`
	Datasource     string  `json:"datasource"`
	Status         int     `json:"status"`
	Fraction       *string `json:"fraction"`
	Score          float64 `json:"score"`
	LocationName   string  `json:"location_name"`
	OverlapsWindow bool    `json:"overlaps_window"`
	ID             string  `json:"id"` // darkmap's addition
}

// iodaEvent is an event in the format ioda.
type iodaEvent struct {
	Entity         iodaEntity  `json:"entity"`
	From           int64       `json:"from"`
	Until          int64       `json:"until"`
	Datasource     string      `json:"datasource"`
	Method         string      `json:"method"`
	Score          float64     `json:"score"`
	Alerts         []iodaAlert `json:"alerts,omitempty"`
	OverlapsWindow bool        `json:"overlapsWindow"`
	ID             string      `json:"id"` // darkmap's addition
}

func (s *service) iodaEvents(q *iodaQuery) (any, error) {
	format := q.values.Get("format")
	if format != "" && format != "codf" && format != "ioda" {
		return nil, iodaError("format has to be codf or ioda.")
	}
	found, err := s.iodaOutages(q)
	if err != nil {
		return nil, err
	}
	found = paged(q, found)
	if format == "ioda" {
		out := make([]iodaEvent, len(found))
		for i, o := range found {
			out[i] = iodaEvent{
				Entity: iodaEntityOf(o.Entity), From: o.Start.Unix(),
				Until: o.Start.Unix() + o.DurationSeconds, Datasource: sourceOf(o.Family),
				Method: iodaMethod,
				Score:  float64(o.Score), OverlapsWindow: overlaps(o, q.from, q.until), ID: o.ID,
			}
			if q.values.Get("includeAlerts") == "true" {
				out[i].Alerts = alertsOf(o)
			}
		}
		return out, nil
	}
	out := make([]codfEvent, len(found))
	for i, o := range found {
		e := iodaEntityOf(o.Entity)
		out[i] = codfEvent{
			Location: e.Type + "/" + e.Code, Start: o.Start.Unix(), Duration: o.DurationSeconds,
			Method: iodaMethod, Datasource: sourceOf(o.Family), Score: float64(o.Score),
			LocationName: e.Name, OverlapsWindow: overlaps(o, q.from, q.until), ID: o.ID,
		}
	}
	return out, nil
}

// overlaps reports whether an outage extends beyond a time.
func overlaps(o bgp.Outage, from, until time.Time) bool {
	return o.Start.Before(from) || o.End == nil || o.End.After(until)
}

func (s *service) iodaSummary(q *iodaQuery) (any, error) {
	type summary struct {
		Scores   map[string]float64 `json:"scores"`
		Entity   iodaEntity         `json:"entity"`
		EventCnt int                `json:"event_cnt"`
	}
	found, err := s.iodaOutages(q)
	if err != nil {
		return nil, err
	}
	byEntity := map[string]*summary{}
	all := []*summary{}
	for _, o := range found {
		e := iodaEntityOf(o.Entity)
		x := byEntity[e.Attrs["fqid"]]
		if x == nil {
			x = &summary{Scores: map[string]float64{"overall": 0}, Entity: e}
			byEntity[e.Attrs["fqid"]] = x
			all = append(all, x)
		}
		x.Scores["overall"] += float64(o.Score)
		x.Scores[sourceOf(o.Family)] += float64(o.Score)
		x.EventCnt++
	}
	slices.SortStableFunc(all, func(a, b *summary) int {
		return cmp.Compare(b.Scores["overall"], a.Scores["overall"])
	})
	return paged(q, all), nil
}
