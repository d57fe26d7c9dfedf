package sink

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/retry"
)

// writer inserts the batches of one table, one after the other.
type writer struct {
	stage *Stage
	table *table
	// jobs has room for one: only an idle writer is given a batch.
	jobs chan *batch
	// busy and free are guarded by Stage.mu; free are empty blocks.
	busy bool
	free []rows
	// inserter and queries are the writer's goroutine's own.
	inserter *clickhouse.Inserter
	queries  int
}

// block returns an empty block.
func (w *writer) block() rows {
	if n := len(w.free); n > 0 {
		r := w.free[n-1]
		w.free = w.free[:n-1]
		return r
	}
	return w.table.rows(w.stage.deps.Dataset)
}

// maxFree blocks are kept for use.
const maxFree = 2

// release takes a block back.
func (w *writer) release(r rows) {
	if len(w.free) < maxFree {
		r.reset()
		w.free = append(w.free, r)
	}
}

// run inserts until jobs is closed.
func (w *writer) run() {
	for b := range w.jobs {
		w.stage.finish(w, b, w.insert(b.part.ctx, b))
	}
	_ = w.inserter.Close()
}

// insert tries until the batch is in the table, the partition is taken away, or there is no point in trying.
func (w *writer) insert(ctx context.Context, b *batch) error {
	var wait retry.Backoff
	for attempt := 0; ; attempt++ {
		began := time.Now()
		err := w.try(ctx, b, attempt > 0)
		if err == nil {
			w.stage.metrics.insert.Observe(time.Since(began).Seconds())
			w.stage.storeReady.Set(nil)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err = explain(err); w.stage.hopeless(err) {
			return err
		}
		w.stage.metrics.retries.Inc()
		w.stage.storeReady.Set(err)
		w.stage.complaints(err).Warn("inserting failed, trying again", "table", w.table.name, "rows",
			b.rows.count(), "err", err)
		if err := wait.Wait(ctx); err != nil {
			return err
		}
	}
}

// try sends the batch. After a failure it first looks whether the batch has arrived all the same: it is there wholly or not at
// all, so its last row tells.
func (w *writer) try(ctx context.Context, b *batch, again bool) error {
	if again {
		if err := w.stage.store.kill(ctx, b.part.queryPrefix()); err != nil {
			return err
		}
		m, err := w.stage.store.highest(ctx, b.part, b.lane)
		if err != nil {
			return err
		}
		if m == b.last {
			return w.stage.store.refill(ctx, b.part, b.first, b.appended)
		}
	}
	w.queries++
	err := w.inserter.Insert(ctx, clickhouse.Insert{
		Table: w.table.name,
		ID: b.part.queryPrefix() + strconv.FormatInt(b.first, 10) + "/" + w.stage.run + "." +
			strconv.Itoa(w.queries),
		Settings: w.stage.settings,
		Columns:  b.rows.input(),
	})
	if err != nil {
		return fmt.Errorf("inserting %d rows into %s: %w", b.rows.count(), w.table.name, err)
	}
	return nil
}

// insertSettings make one part of one block in its own table; the copies that views fill are in partitions of event time, of which a
// replay's block may hold many. Rows never double within a block, so it need not be looked through for that.
func insertSettings(s clickhouse.Server) map[string]string {
	settings := map[string]string{"async_insert": "0", "optimize_on_insert": "0",
		"max_partitions_per_insert_block": "0"}
	if s.Cluster != "" { // positions are read from any replica
		settings["insert_quorum"], settings["insert_quorum_parallel"] = "auto", "0"
	}
	return settings
}
