package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"
)

// OnlyInstance is the instance of commands that write in transactions. A new command ends the
// transactions of the previous one.
const OnlyInstance = "0"

// Transactions writes records in transactions, without a group. Only one process at a time writes
// under the names of a stage and an instance. A new process ends the transactions of its
// predecessor.
type Transactions struct {
	cl  *kgo.Client
	cfg Config
}

// NewTransactions waits for the brokers until ctx ends, and ends open transactions of another
// process of the same names.
func NewTransactions(
	ctx context.Context, cfg Config, stage, instance string, log *slog.Logger,
) (*Transactions, error) {
	id := cfg.transactionalID(stage, instance)
	cl, err := NewClient(cfg, log, kgo.TransactionalID(id), kgo.TransactionTimeout(txnTimeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, err
	}
	if _, _, err := cl.ProducerID(ctx); err != nil {
		cl.Close()
		return nil, fmt.Errorf("beginning to write: %w", cfg.Refused(err, "WRITE", "transactional id "+id))
	}
	return &Transactions{cl, cfg}, nil
}

// Write writes all of recs, or none of them, to the topics and partitions that they name. After an
// error no more records can be written.
func (t *Transactions) Write(ctx context.Context, recs []*kgo.Record) error {
	ctx, cancel := TransactionContext(ctx, DefaultDrain)
	defer cancel()
	if err := t.cl.BeginTransaction(); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	var produced written
	produced.wait.Add(len(recs))
	for _, r := range recs {
		t.cl.Produce(ctx, r, produced.done)
	}
	err := t.cl.Flush(ctx)
	produced.wait.Wait()
	if first := produced.failed.Load(); first != nil {
		err = t.cfg.Refused(first.err, "WRITE", "topic "+first.topic)
	}
	end := kgo.TryCommit
	if err != nil {
		end = kgo.TryAbort
	}
	if endErr := t.cl.EndTransaction(ctx, end); endErr != nil {
		err = errors.Join(err, fmt.Errorf("ending a transaction: %w", endErr))
	}
	return err
}

// Close closes the client.
func (t *Transactions) Close() { t.cl.Close() }
