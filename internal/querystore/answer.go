package querystore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/query"
)

// Answer returns the knowledge of the store about an entity at a time, with at most limit entries a
// list. Outages holds all outages that had begun by then.
func (s *Store) Answer(
	ctx context.Context, q query.Question, dataset string, at time.Time, limit int,
) (query.Answer, error) {
	v := view{dataset: dataset, at: at, limit: limit}
	a := query.Answer{
		What: q.Code, Kind: q.Kind, Dataset: dataset, Source: query.SourceStore,
		Outages: []query.Outage{},
	}
	for _, f := range bgp.Families {
		if q.Prefix.IsValid() && bgp.FamilyOf(q.Prefix) != f {
			continue
		}
		fam := query.Family{Family: f.String(), At: &at}
		var err error
		if fam.Panel, err = s.panel(ctx, v, f); err != nil {
			return a, err
		}
		if q.Prefix.IsValid() {
			err = s.prefix(ctx, v, f, q, &fam)
		} else if t, ok := q.Type(); ok {
			fam.Entity, err = s.entity(ctx, v, f, t, q.Code)
		}
		if err != nil {
			return a, err
		}
		a.Families = append(a.Families, fam)
	}
	t, code, ok := Subject(q, a)
	if !ok {
		return a, nil
	}
	outages, err := s.Outages(ctx, dataset, t, code, at)
	if err != nil {
		return a, err
	}
	a.Outages, a.OutagesTotal = outages, len(outages)
	return a, s.lost(ctx, v, &a)
}

// Subject returns the entity whose outages belong to an answer; for an address, the prefix around
// it.
func Subject(q query.Question, a query.Answer) (t bgp.EntityType, code string, ok bool) {
	if q.Kind == query.KindAddress {
		if len(a.Families) == 0 || a.Families[0].Prefix == nil {
			return 0, "", false
		}
		return bgp.EntityPrefix, a.Families[0].Prefix.Prefix, true
	}
	t, ok = q.Type()
	return t, q.Code, ok
}

// panel returns the panel at the time: the voters, and whether there are verdicts.
func (s *Store) panel(ctx context.Context, v view, f bgp.Family) (query.Panel, error) {
	rows, err := ask[struct {
		bgp.Votes
		Knowledge string        `json:"knowledge"`
		Verdicts  bool          `json:"verdicts"`
		NoVerdict bgp.NoVerdict `json:"no_verdict"`
	}](ctx, s, `SELECT toString(knowledge) AS knowledge,
			voters, collectors, min_voters, min_collectors, verdicts, no_verdict
		FROM panel_verdicts
		WHERE dataset = {dataset:String} AND family = {family:String} AND timestamp <= {at:DateTime64(6,'UTC')}
		ORDER BY timestamp DESC, position_epoch DESC, position_sequence DESC LIMIT 1`,
		v.params("family", f.String()))
	if err != nil {
		return query.Panel{}, err
	}
	if len(rows) == 0 {
		return query.Panel{NoVerdict: bgp.NoVerdictPeers, Text: bgp.NoVerdictPeers.Sentence(f, bgp.Votes{})}, nil
	}
	r := rows[0]
	p := query.Panel{
		Votes: r.Votes, Verdicts: r.Verdicts, NoVerdict: r.NoVerdict,
		Text: r.NoVerdict.Sentence(f, r.Votes), Table: bgp.TablesUndecided,
	}
	if r.Knowledge != "unspecified" { // the column's word
		p.Table = bgp.TableKnowledge(r.Knowledge)
	}
	return p, nil
}

// sample is a row of visibility.
type sample struct {
	At               int64       `json:"at"`
	Name             string      `json:"entity_name"`
	Space            bgp.Decimal `json:"space"`
	Prefixes         int         `json:"prefixes"`
	BaselineSpace    bgp.Decimal `json:"baseline_space"`
	BaselinePrefixes int         `json:"baseline_prefixes"`
	UsualSpace       bgp.Decimal `json:"usual_space"`
	UsualPrefixes    int         `json:"usual_prefixes"`
}

// sample returns the last row of an entity before the time; nil if there is none. It first searches
// the day before the time, because a watched entity has a row every hour.
func (s *Store) sample(
	ctx context.Context, v view, f bgp.Family, t bgp.EntityType, code string,
) (*sample, error) {
	for _, since := range []time.Time{v.at.Add(-24 * time.Hour), time.Unix(0, 0)} {
		rows, err := ask[sample](ctx, s, `SELECT toUnixTimestamp(timestamp) AS at, entity_name,
				space, prefixes, baseline_space, baseline_prefixes, usual_space, usual_prefixes
			FROM visibility
			WHERE dataset = {dataset:String} AND entity_type = {type:String} AND entity_code = {code:String}
				AND family = {family:String}
				AND timestamp < {at:DateTime64(6,'UTC')} AND timestamp >= {since:DateTime64(6,'UTC')}
			ORDER BY timestamp DESC, position_epoch DESC, position_sequence DESC LIMIT 1`,
			v.params("type", t.String(), "code", code, "family", f.String(), "since", clickhouse.TimeText(since)))
		if err != nil {
			return nil, err
		}
		if len(rows) > 0 {
			return &rows[0], nil
		}
	}
	return nil, nil
}

// entity returns an AS, a country or a region at the time; nil if the store has no row of it.
func (s *Store) entity(
	ctx context.Context, v view, f bgp.Family, t bgp.EntityType, code string,
) (*query.Entity, error) {
	x, err := s.sample(ctx, v, f, t, code)
	if err != nil || x == nil {
		return nil, err
	}
	known := bgp.Size{Prefixes: x.BaselinePrefixes, Space: x.BaselineSpace}
	usual := bgp.Size{Prefixes: x.UsualPrefixes, Space: x.UsualSpace}
	e := &query.Entity{
		Name: x.Name, Visible: bgp.Size{Prefixes: x.Prefixes, Space: x.Space}, Known: known,
		Usual: usual,
	}
	e.LossPercent = bgp.Hundredths(uint64(max(0, usual.Space-e.Visible.Space)), uint64(usual.Space), 100)
	e.LostPrefixesTotal = max(0, x.BaselinePrefixes-x.Prefixes)
	return e, nil
}

// lost adds the lost prefixes of an AS or a country from its outages that are open at the time, and
// their baseline.
func (s *Store) lost(ctx context.Context, v view, a *query.Answer) error {
	for i := range a.Families {
		f := &a.Families[i]
		for _, o := range a.Outages {
			if f.Entity == nil || o.State != bgp.StateOpen || len(f.Entity.LostPrefixes) > 0 {
				continue
			}
			record, err := s.Record(ctx, v.dataset, o.ID, v.at)
			if err != nil {
				return err
			}
			var full bgp.Outage
			if err := json.Unmarshal(record, &full); err != nil {
				return fmt.Errorf("reading outage %s: %w", o.ID, err)
			}
			if full.Family != f.Family {
				continue
			}
			f.Entity.Usual = full.Baseline
			f.Entity.LossPercent = bgp.Hundredths(
				uint64(max(0, full.Baseline.Space-f.Entity.Visible.Space)), uint64(full.Baseline.Space), 100)
			for _, p := range full.LostPrefixes[:min(len(full.LostPrefixes), v.limit)] {
				l := query.LostPrefix{Prefix: p, Since: &full.Start}
				for _, x := range full.Origins {
					l.Origins = append(l.Origins, x.ASN)
				}
				for _, x := range full.Upstreams {
					l.Upstreams = append(l.Upstreams, x.ASN)
				}
				f.Entity.LostPrefixes = append(f.Entity.LostPrefixes, l)
			}
			f.Entity.LostPrefixesTotal = max(f.Entity.LostPrefixesTotal, len(f.Entity.LostPrefixes))
			f.Entity.Cut = f.Entity.LostPrefixesTotal > len(f.Entity.LostPrefixes)
		}
	}
	return nil
}
