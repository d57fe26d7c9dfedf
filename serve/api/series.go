package api

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve/history"
	"github.com/darkmap/darkmap/serve/live"
)

// seriesInput holds the parameters of a series.
type seriesInput struct {
	DatasetInput
	Type   string `query:"type" required:"true" enum:"prefix,as,country,region,world,watch" doc:"Kind of the entity."`
	Code   string `query:"code" maxLength:"200" doc:"Its code. The world needs none."`
	Family string `query:"family" enum:"ipv4,ipv6" doc:"Address family. Without it that of the prefix, or ipv4."`
	From   string `query:"from" maxLength:"40" doc:"The beginning: RFC 3339, a date, or Unix seconds. Without it 24 hours before the end."`
	Until  string `query:"until" maxLength:"40" doc:"The end. Without it the newest decided minute."`
	Step   string `query:"step" maxLength:"20" doc:"The step, whole minutes: 1m, 1h, 1d. It is longer where there would be more than 2000 points."`
	Points int    `query:"points" minimum:"1" maximum:"2000" doc:"How many points there are at most."`
	Accept string `header:"Accept" doc:"text/csv gives CSV."`
}

// seriesBody is a series.
type seriesBody struct {
	Dataset string    `json:"dataset" doc:"The dataset."`
	Type    string    `json:"type" doc:"Kind of the entity."`
	Code    string    `json:"code" doc:"Its code."`
	Family  string    `json:"family" doc:"Address family."`
	From    time.Time `json:"from" doc:"The first point."`
	Until   time.Time `json:"until" doc:"Points are before it."`
	Step    int64     `json:"step_seconds" doc:"Between two points."`
	Points  []point   `json:"points" doc:"A point holds what was so at its time."`
}

// point is a point of a series.
type point struct {
	At          time.Time `json:"at"`
	Visible     *size     `json:"visible,omitempty" doc:"What the voters saw; absent where nothing was measured, as all below."`
	Usual       *size     `json:"usual,omitempty" doc:"What losses are measured against."`
	LossPercent *float64  `json:"loss_percent,omitempty" doc:"Space that was missing of the usual, in percent."`
	Voters      *int      `json:"voters,omitempty" doc:"Networks that voted."`
}

func pointOf(p history.Point) point {
	out := point{At: p.At}
	if p.Known {
		visible, usual, loss, voters := sizeOf(p.Visible), sizeOf(p.Usual), number(p.LossPercent), p.Voters
		out.Visible, out.Usual, out.LossPercent, out.Voters = &visible, &usual, &loss, &voters
	}
	return out
}

// maxSpan bounds the time of a series.
const maxSpan = 30 * 365 * 24 * time.Hour

// span returns the time of a series. Zero times mean the 24 hours before the newest decided minute.
func (s *service) span(m moment, from, until time.Time) (time.Time, time.Time, error) {
	if until.IsZero() {
		var err error
		if until, err = s.end(m); err != nil {
			return from, until, err
		}
	}
	if from.IsZero() {
		from = until.Add(-24 * time.Hour)
	}
	return from, until, nil
}

// trim removes the points after the newest decided minute, since they hold no data.
func trim(got history.Series, m moment) []history.Point {
	points := got.Points
	for m.here && len(points) > 0 && !m.present.Minute.IsZero() &&
		!points[len(points)-1].At.Before(m.present.Until()) {
		points = points[:len(points)-1]
	}
	return points
}

func (s *service) series(ctx context.Context, in *seriesInput) (*output, error) {
	k, err := readKey(in.Type, in.Code, in.Family)
	if err != nil {
		return nil, err
	}
	from, err := readTime("from", in.From)
	if err != nil {
		return nil, err
	}
	until, err := readTime("until", in.Until)
	if err != nil {
		return nil, err
	}
	step, err := readLength("step", in.Step)
	if err != nil {
		return nil, err
	}
	body, err := s.seriesAnswer(s.about(exchangeOf(ctx).r, in.Dataset), k, from, until, step, in.Points)
	var status huma.StatusError
	switch {
	case errors.As(err, &status):
		return nil, err
	case err != nil:
		return nil, failed(ctx, err)
	}
	if wantsCSV(in.Accept) {
		return body.csv(), nil
	}
	return encoded(body)
}

// seriesAnswer returns a series between two times. The step is longer if the series would have more
// than points points (0: history.MaxPoints).
func (s *service) seriesAnswer(
	m moment, k live.Key, from, until time.Time, step time.Duration, points int,
) (body seriesBody, err error) {
	if from, until, err = s.span(m, from, until); err != nil {
		return body, err
	}
	if !from.Before(until) || until.Sub(from) > maxSpan {
		return body, refused("from", "it has to be earlier than until, by 30 years at most")
	}
	if points > 0 {
		step = max(step, (until.Sub(from)/time.Duration(points) + time.Minute).Truncate(time.Minute))
	}
	got, err := s.History.Series(m.r.Context(), m.scope, k, from, until, min(step, maxSpan))
	if err != nil {
		return body, err
	}
	body = seriesBody{
		Dataset: m.dataset, Type: k.Type.String(), Code: k.Code, Family: k.Family.String(),
		From: got.From, Until: got.To, Step: int64(got.Step / time.Second), Points: []point{},
	}
	for _, p := range trim(got, m) {
		body.Points = append(body.Points, pointOf(p))
	}
	return body, nil
}

// publicList reports whether the viewer may see a watch list: by the viewer's present of the
// server's dataset, else by whether the store has it as public.
func (s *service) publicList(m moment, code string) bool {
	for _, f := range bgp.Families {
		if _, ok := m.present.Value(live.Key{Family: f, Type: bgp.EntityWatch, Code: code}); ok && m.here {
			return true
		}
	}
	public, err := s.History.PublicList(m.r.Context(), m.scope, code)
	return public && err == nil
}

// csv returns the series as CSV. A point without a measurement has empty cells.
func (b seriesBody) csv() *output {
	var out strings.Builder
	out.WriteString(cells("at", "visible_space", "visible_prefixes", "usual_space",
		"usual_prefixes", "loss_percent", "voters"))
	for _, p := range b.Points {
		at := p.At.Format(time.RFC3339)
		if p.Visible == nil {
			out.WriteString(cells(at, "", "", "", "", "", ""))
			continue
		}
		out.WriteString(cells(at, floats(p.Visible.Space), strconv.Itoa(p.Visible.Prefixes),
			floats(p.Usual.Space), strconv.Itoa(p.Usual.Prefixes), floats(*p.LossPercent),
			strconv.Itoa(*p.Voters)))
	}
	return &output{"text/csv; charset=utf-8; header=present", []byte(out.String())}
}
