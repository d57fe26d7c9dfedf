package api

import (
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve/history"
	"github.com/darkmap/darkmap/serve/live"
)

// iodaSignal is a series in IODA's format. A value is null if nothing was measured.
type iodaSignal struct {
	EntityType string   `json:"entityType"`
	EntityCode string   `json:"entityCode"`
	EntityName string   `json:"entityName"`
	EntityFqid string   `json:"entityFqid"`
	Datasource string   `json:"datasource"`
	Subtype    string   `json:"subtype"`
	From       int64    `json:"from"`
	Until      int64    `json:"until"`
	Step       int64    `json:"step"`
	NativeStep int64    `json:"nativeStep"`
	Values     []*int64 `json:"values"`
}

// maxSignals bounds the entities of one question. Each has a statement for each family.
const maxSignals = 10

func (s *service) iodaSignals(q *iodaQuery) (any, error) {
	if err := q.window(); err != nil {
		return nil, err
	}
	most, err := q.number("maxPoints", history.MaxPoints, 1_000_000)
	if err != nil {
		return nil, err
	}
	ours := iodaTypes[q.kind]
	if len(q.codes) == 0 {
		return nil, iodaError("The path has to name an entity: /v2/signals/raw/country/KP.")
	}
	if len(q.codes) > maxSignals {
		return nil, iodaError("Ten series are answered at most.")
	}
	if q.until.Sub(q.from) > maxSpan {
		return nil, iodaError("Thirty years are answered at most.")
	}
	out := [][]iodaSignal{}
	for _, code := range q.codes {
		set := []iodaSignal{}
		for _, f := range q.families {
			if ours == 0 {
				continue
			}
			signal, err := s.signal(q, live.Key{Family: f, Type: ours, Code: code},
				max(1, min(most, history.MaxPoints)))
			if err != nil {
				return nil, err
			}
			set = append(set, signal)
		}
		out = append(out, set)
	}
	return out, nil
}

func (s *service) signal(q *iodaQuery, k live.Key, most int) (iodaSignal, error) {
	step := (q.until.Sub(q.from)/time.Duration(most) + time.Minute - 1).Truncate(time.Minute)
	got, err := s.History.Series(q.r.Context(), q.scope, k, q.from, q.until, step)
	if err != nil {
		return iodaSignal{}, err
	}
	entity := bgp.Entity{Type: k.Type, Code: k.Code}
	if v, ok := q.present.Value(k); ok {
		entity = v.Entity
	}
	e := iodaEntityOf(entity)
	out := iodaSignal{
		EntityType: e.Type, EntityCode: e.Code, EntityName: e.Name, EntityFqid: e.Attrs["fqid"],
		Datasource: sourceOf(k.Family.String()), From: got.From.Unix(),
		Step: int64(got.Step / time.Second), NativeStep: 60, Values: []*int64{},
	}
	for _, p := range trim(got, q.moment) {
		var v *int64
		if p.Known {
			n := rounded(p.Visible.Space)
			v = &n
		}
		out.Values = append(out.Values, v)
	}
	out.Until = out.From + out.Step*int64(len(out.Values))
	return out, nil
}
