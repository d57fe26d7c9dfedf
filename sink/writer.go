package sink

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/retry"
)

// writer inserts the batches of one table, one at a time.
type writer struct {
	stage *Stage
	table *table
	// jobs has capacity 1: only an idle writer gets a batch.
	jobs chan *batch
	// Stage.mu guards busy and free. free holds empty blocks.
	busy bool
	free []rows
	// Only the writer's goroutine uses inserter and queries.
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

// maxFree is the number of empty blocks that are kept.
const maxFree = 2

// release returns a block.
func (w *writer) release(r rows) {
	if len(w.free) < maxFree {
		r.reset()
		w.free = append(w.free, r)
	}
}

// run inserts batches until jobs is closed.
func (w *writer) run() {
	for b := range w.jobs {
		w.stage.finish(w, b, w.insert(b.partition.ctx, b))
	}
	_ = w.inserter.Close()
}

// insert retries until the batch is inserted, the partition is revoked, or an error occurs that
// retries do not fix.
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
		if err = explain(err); w.stage.endsStage(err) {
			return err
		}
		w.stage.metrics.retries.Inc()
		w.stage.storeReady.Set(err)
		w.stage.logFor(err).Warn("inserting failed, trying again", "table", w.table.name, "rows",
			b.rows.count(), "err", err)
		if err := wait.Wait(ctx); err != nil {
			return err
		}
	}
}

// try sends the batch. After a failure it first checks whether the batch was inserted despite the
// error. A batch is inserted completely or not at all, so its last row decides.
func (w *writer) try(ctx context.Context, b *batch, again bool) error {
	if again {
		if err := w.stage.store.kill(ctx, b.partition.queryPrefix()); err != nil {
			return err
		}
		m, err := w.stage.store.highest(ctx, b.partition, b.lane)
		if err != nil {
			return err
		}
		if m == b.last {
			return w.stage.store.refill(b.partition, b.first, b.appended).all(ctx)
		}
	}
	w.queries++
	err := w.inserter.Insert(ctx, clickhouse.Insert{
		Table: w.table.name,
		ID: b.partition.queryPrefix() + strconv.FormatInt(b.first, 10) + "/" + w.stage.run + "." +
			strconv.Itoa(w.queries),
		Settings: w.stage.settings,
		Columns:  b.rows.input(),
	})
	if err != nil {
		return fmt.Errorf("inserting %d rows into %s: %w", b.rows.count(), w.table.name, err)
	}
	return nil
}

// insertSettings returns the settings of inserts. With these settings a block is one data part. The
// tables that views fill have partitions of event time, and a block of a replay may fall into many
// of those. A block has no duplicate rows, so ClickHouse need not look for them.
func insertSettings(s clickhouse.Server) map[string]string {
	settings := map[string]string{
		"async_insert": "0", "optimize_on_insert": "0",
		"max_partitions_per_insert_block": "0",
	}
	// Positions are read from any replica.
	if s.Cluster != "" {
		settings["insert_quorum"], settings["insert_quorum_parallel"] = "auto", "0"
	}
	return settings
}
