package history

import (
	"context"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve/live"
)

// publicListsSQL selects the public watch lists: those that are public in the newest record that
// names them.
const publicListsSQL = `SELECT w.list AS list FROM outage_events ARRAY JOIN watch AS w
	WHERE dataset = {dataset:String}
	GROUP BY list HAVING argMax(w.public, (decided_at, position_epoch, position_sequence)) ORDER BY list`

// PublicList reports whether a watch list of a dataset is public.
func (s *Store) PublicList(ctx context.Context, sc Scope, name string) (bool, error) {
	sc.Private = false // the answer is the same for everybody
	lists, err := answer(ctx, s, sc, "public lists",
		func(ctx context.Context, a *asker) (map[string]bool, error) {
			return publicLists(ctx, a, sc.Dataset)
		})
	return lists[name], err
}

// publicLists returns the set of the public watch lists of a dataset.
func publicLists(ctx context.Context, a *asker, dataset string) (map[string]bool, error) {
	found, err := rows[struct {
		List string `json:"list"`
	}](ctx, a, publicListsSQL, Scope{Dataset: dataset}.params())
	lists := make(map[string]bool, len(found))
	for _, r := range found {
		lists[r.List] = true
	}
	return lists, err
}

// may returns ErrNotFound if the entity is a watch list that the viewer of the scope may not see.
func (s *Store) may(ctx context.Context, sc Scope, k live.Key) error {
	if k.Type != bgp.EntityWatch || sc.Private {
		return nil
	}
	public, err := s.PublicList(ctx, sc, k.Code)
	if err == nil && !public {
		err = ErrNotFound
	}
	return err
}
