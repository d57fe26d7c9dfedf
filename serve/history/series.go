package history

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve/live"
)

// MaxPoints bounds the points of a series. A longer time gets longer steps.
const MaxPoints = 2000

// Point is the visibility of an entity at the beginning of a step.
type Point struct {
	At time.Time
	// Known is false if the newest row is older than live.FreshFor. The fields below are zero then.
	Known          bool
	Visible, Usual bgp.Size
	LossPercent    bgp.Decimal
	Voters         int
}

// Series is the visibility of an entity over a time.
type Series struct {
	Key      live.Key
	From, To time.Time
	Step     time.Duration
	Points   []Point
}

// seriesSQL asks the view entity_minutes. The view also reads the newest row before from, whose
// values hold at the first point. It begins with the first known row.
const seriesSQL = `SELECT toUnixTimestamp(minute) AS at, toUnixTimestamp(row_at) AS row_at,
		space, prefixes, usual_space, usual_prefixes, loss_percent, voters
	FROM entity_minutes(dataset = {dataset:String}, entity_type = {type:String}, entity_code = {code:String},
		family = {family:String}, from = {from:String}, to = {to:String}, step = {step:UInt32}) ORDER BY minute`

// Series returns the visibility of an entity from one time to another. Steps are whole minutes, and
// longer if there would be more than MaxPoints. A step of more than an hour is a number of whole
// hours: the view answers these from the hourly rows, which is fast for years. It returns
// ErrNotFound for a watch list that the viewer may not see.
func (s *Store) Series(
	ctx context.Context, sc Scope, k live.Key, from, to time.Time, step time.Duration,
) (Series, error) {
	step = max(step, (to.Sub(from)/MaxPoints + time.Minute - 1), time.Minute).Truncate(time.Minute)
	if step > time.Hour {
		step = (step + time.Hour - 1).Truncate(time.Hour)
	}
	from = from.UTC().Truncate(step)
	out := Series{Key: k, From: from, To: to.UTC(), Step: step}
	if !to.After(from) {
		return out, nil
	}
	if err := s.may(ctx, sc, k); err != nil {
		return Series{}, err
	}
	question := fmt.Sprintf("series %v %d %d %d", k, from.Unix(), to.Unix(), step/time.Second)
	return answer(ctx, s, sc, question, func(ctx context.Context, a *asker) (Series, error) {
		type row struct {
			At            int64       `json:"at"`
			RowAt         int64       `json:"row_at"`
			Space         bgp.Decimal `json:"space"`
			Prefixes      int         `json:"prefixes"`
			UsualSpace    bgp.Decimal `json:"usual_space"`
			UsualPrefixes int         `json:"usual_prefixes"`
			Loss          bgp.Decimal `json:"loss_percent"`
			Voters        int         `json:"voters"`
		}
		found, err := rows[row](ctx, a, seriesSQL, sc.params(
			"type", k.Type.String(), "code", k.Code, "family", k.Family.String(),
			"from", sqlTime(from), "to", sqlTime(to), "step", strconv.FormatInt(int64(step/time.Second), 10)))
		if err != nil {
			return Series{}, err
		}
		byTime := make(map[int64]row, len(found))
		for _, r := range found {
			byTime[r.At] = r
		}
		for at := from; at.Before(to); at = at.Add(step) {
			p := Point{At: at}
			if r, ok := byTime[at.Unix()]; ok && at.Unix()-r.RowAt <= int64(live.FreshFor/time.Second) {
				p.Known, p.Voters, p.LossPercent = true, r.Voters, r.Loss
				p.Visible = bgp.Size{Prefixes: r.Prefixes, Space: r.Space}
				p.Usual = bgp.Size{Prefixes: r.UsualPrefixes, Space: r.UsualSpace}
			}
			out.Points = append(out.Points, p)
		}
		return out, nil
	})
}

// sqlTime formats a time as a parameter of a view.
func sqlTime(t time.Time) string { return t.UTC().Format(time.DateTime) }
