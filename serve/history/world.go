package history

import (
	"context"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/querystore"
	"github.com/darkmap/darkmap/serve/live"
)

// World returns the state of a dataset at a time, from the minutes that were decided by then: a
// snapshot of the past. It holds the countries, regions, watch lists and the world, and the
// outages. It returns ErrNotFound if the dataset has no data of that time.
func (s *Store) World(ctx context.Context, sc Scope, at time.Time) (*live.Snapshot, error) {
	at = at.UTC().Truncate(time.Minute)
	private := sc
	private.Private = true // Public removes the private parts of the snapshot
	whole, err := answer(ctx, s, private, fmt.Sprintf("world %d", at.Unix()),
		func(ctx context.Context, a *asker) (*live.Snapshot, error) {
			return world(ctx, a, sc.Dataset, at)
		})
	if err != nil || sc.Private {
		return whole, err
	}
	return whole.Public(), nil
}

// End returns the time up to which a dataset has decided. It returns ErrNotFound if the store has
// nothing of the dataset.
func (s *Store) End(ctx context.Context, sc Scope) (time.Time, error) {
	return answer(ctx, s, sc, "end", func(ctx context.Context, a *asker) (time.Time, error) {
		end, err := querystore.New(a.server).End(ctx, sc.Dataset)
		if err == nil && end.IsZero() {
			err = ErrNotFound
		}
		return end, err
	})
}

// Datasets lists the names of the datasets in the store.
func (s *Store) Datasets(ctx context.Context, sc Scope) ([]string, error) {
	return answer(ctx, s, sc, "datasets", func(ctx context.Context, a *asker) ([]string, error) {
		return querystore.New(a.server).Datasets(ctx)
	})
}

// Seed returns the store's knowledge of the present of a dataset: the newest value of each entity,
// and the outages that are open or ended in the 24 hours before until, the end of the newest
// decided minute.
func (s *Store) Seed(ctx context.Context, dataset string, until time.Time) (live.Seed, error) {
	seed, _, err := ask(ctx, s, func(ctx context.Context, a *asker) (seed live.Seed, err error) {
		if seed.Outages, err = outagesAt(ctx, a, dataset, until); err != nil {
			return seed, err
		}
		seed.Values, err = valuesAt(ctx, a, dataset, until, seedBack, allTypes)
		return seed, err
	})
	return seed, err
}

const (
	// seedBack bounds the age of a value that a start takes from the store. The snapshot shows the
	// age.
	seedBack = 48 * time.Hour
	// placeTypes are the types of entities in a world of the past, and allTypes those in the
	// present.
	placeTypes = "'country', 'region', 'world', 'watch'"
	allTypes   = "'country', 'region', 'world', 'watch', 'as', 'prefix'"
	// maxValues bounds the number of values that are read.
	maxValues = live.MaxEntities
)

func world(ctx context.Context, a *asker, dataset string, at time.Time) (*live.Snapshot, error) {
	var w live.World
	var err error
	if w.Families, err = panelsAt(ctx, a, dataset, at); err != nil {
		return nil, err
	}
	if len(w.Families) == 0 {
		return nil, ErrNotFound
	}
	if w.Outages, err = outagesAt(ctx, a, dataset, at); err != nil {
		return nil, err
	}
	if w.Values, err = valuesAt(ctx, a, dataset, at, live.FreshFor, placeTypes); err != nil {
		return nil, err
	}
	if w.Lists, err = publicLists(ctx, a, dataset); err != nil {
		return nil, err
	}
	w.Dataset, w.Minute = dataset, at.Add(-time.Minute)
	return live.Past(w), nil
}

// outagesAtSQL finds the newest record of each outage by a time with short columns. Then it reads
// the objects of those that were open, or had ended in the 24 hours before. It skips two kinds of
// outages: those that are not open and whose newest record of all is older than those 24 hours, and
// those that start more than a day after the time. The day allows for a start that was moved.
const outagesAtSQL = `SELECT json FROM outage_events
	WHERE dataset = {dataset:String} AND (id, sequence, position_epoch, position_sequence) IN (
		SELECT id, sequence, position_epoch, position_sequence FROM (
			SELECT id, sequence, position_epoch, position_sequence, state, end FROM outage_events
			WHERE dataset = {dataset:String} AND decided_at <= fromUnixTimestamp({at:Int64}) AND id IN (
				SELECT id FROM outages
				WHERE dataset = {dataset:String} AND start <= fromUnixTimestamp({at:Int64}) + INTERVAL 1 DAY
					AND (state IN ('open', 'suspected')
						OR decided_at >= toDateTime64({at:Int64}, 6, 'UTC') - INTERVAL 24 HOUR))
			ORDER BY id, sequence DESC, position_epoch DESC, position_sequence DESC LIMIT 1 BY id)
		WHERE state IN ('open', 'suspected')
			OR state = 'closed' AND end > fromUnixTimestamp({at:Int64}) - INTERVAL 24 HOUR)
	ORDER BY id LIMIT 1 BY id`

func outagesAt(ctx context.Context, a *asker, dataset string, at time.Time) ([]outagelog.Entry, error) {
	found, err := rows[struct {
		JSON string `json:"json"`
	}](ctx, a, outagesAtSQL, Scope{Dataset: dataset}.params("at", seconds(at)))
	if err != nil {
		return nil, err
	}
	out := make([]outagelog.Entry, 0, len(found))
	for _, r := range found {
		e, _, err := entry(Scope{Private: true}, r.JSON)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// valuesAt reads the newest value of each entity of some types. types is SQL text from this file.
func valuesAt(
	ctx context.Context, a *asker, dataset string, at time.Time, back time.Duration, types string,
) ([]live.Value, error) {
	type row struct {
		Type          bgp.EntityType `json:"type"`
		Code          string         `json:"entity_code"`
		Name          string         `json:"name"`
		Family        string         `json:"fam"`
		At            int64          `json:"at"`
		Space         bgp.Decimal    `json:"space"`
		Prefixes      int            `json:"prefixes"`
		UsualSpace    bgp.Decimal    `json:"usual_space"`
		UsualPrefixes int            `json:"usual_prefixes"`
		Voters        int            `json:"voters"`
	}
	sql := `SELECT toString(entity_type) AS type, entity_code, toString(family) AS fam,
			toUnixTimestamp(max(visibility.timestamp)) AS at,
			argMax((entity_name, visibility.space, visibility.prefixes, visibility.usual_space,
					visibility.usual_prefixes, visibility.voters),
				(visibility.timestamp, position_epoch, position_sequence)) AS newest,
			newest.1 AS name, newest.2 AS space, newest.3 AS prefixes, newest.4 AS usual_space,
			newest.5 AS usual_prefixes, newest.6 AS voters
		FROM visibility WHERE dataset = {dataset:String} AND entity_type IN (` + types + `)
			AND visibility.timestamp < toDateTime64({at:Int64}, 6, 'UTC')
			AND visibility.timestamp >= fromUnixTimestamp({from:Int64})
		GROUP BY entity_type, entity_code, family LIMIT {limit:UInt32}`
	found, err := manyRows[row](ctx, a, sql,
		Scope{Dataset: dataset}.params(
			"at", seconds(at), "from", seconds(at.Add(-back)), "limit", fmt.Sprint(maxValues)),
		maxValues)
	out := make([]live.Value, 0, len(found))
	for _, r := range found {
		family, ok := bgp.FamilyNamed(r.Family)
		if !ok {
			continue
		}
		out = append(out, live.NewValue(bgp.Entity{Type: r.Type, Code: r.Code, Name: r.Name},
			family, time.Unix(r.At, 0).UTC(),
			bgp.Size{Prefixes: r.Prefixes, Space: r.Space},
			bgp.Size{Prefixes: r.UsualPrefixes, Space: r.UsualSpace}, r.Voters))
	}
	return out, err
}

// panelsAt reads the newest panel of each family at a time, which holds whether verdicts were
// possible.
func panelsAt(ctx context.Context, a *asker, dataset string, at time.Time) ([]feedlog.Panel, error) {
	type row struct {
		bgp.Votes
		Family    string        `json:"fam"`
		At        int64         `json:"at"`
		Knowledge string        `json:"knowledge"`
		Verdicts  bool          `json:"verdicts"`
		NoVerdict bgp.NoVerdict `json:"no_verdict"`
	}
	found, err := rows[row](ctx, a, `SELECT toString(family) AS fam, toUnixTimestamp64Micro(timestamp) AS at,
			toString(knowledge) AS knowledge, voters, collectors, min_voters, min_collectors,
			verdicts, no_verdict
		FROM panel_history
		WHERE dataset = {dataset:String} AND timestamp <= fromUnixTimestamp({at:Int64})
			AND timestamp > toDateTime64({from:Int64}, 6, 'UTC')
		ORDER BY family, timestamp DESC LIMIT 1 BY family`,
		Scope{Dataset: dataset}.params("at", seconds(at), "from", seconds(at.Add(-feedlog.Back))))
	out := make([]feedlog.Panel, 0, len(found))
	for _, r := range found {
		family, ok := bgp.FamilyNamed(r.Family)
		if !ok {
			continue
		}
		when := time.UnixMicro(r.At).UTC()
		out = append(out, feedlog.Panel{
			Family: r.Family, Verdicts: r.Verdicts, NoVerdict: r.NoVerdict, Votes: r.Votes,
			Table: tableOf(r.Knowledge), Since: when, Updated: when,
			Text: r.NoVerdict.Sentence(family, r.Votes),
		})
	}
	return out, err
}

func tableOf(knowledge string) bgp.TableKnowledge {
	if knowledge == "unspecified" {
		return bgp.TablesUndecided
	}
	return bgp.TableKnowledge(knowledge)
}
