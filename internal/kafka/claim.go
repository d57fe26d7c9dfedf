package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkmap/darkmap/internal/retry"
)

// Claim makes a client with a group the owner of its transactional id. That aborts an open
// transaction of an earlier owner, which cannot commit any more. A Sole member calls Claim in
// OnPartitionsAssigned, before the committed offsets are read.
func Claim(ctx context.Context, cl *kgo.Client) error {
	if err := settle(ctx, cl); err != nil {
		return err
	}
	_, _, err := cl.ProducerID(ctx)
	return err
}

// settle aborts a transaction that contains nothing but the client's group.
//
// A broker that is killed may lose the end of a transaction whose offsets its group coordinator
// still holds. The coordinator then refuses the committed offsets of the group for ever
// (UNSTABLE_OFFSET_COMMIT). It drops them with the end of the producer's next transaction in which
// the group takes part, and no member can begin one without the committed offsets.
func settle(ctx context.Context, cl *kgo.Client) error {
	id, _ := cl.OptValue(kgo.TransactionalID).(string)
	group, _ := cl.OptValue(kgo.ConsumerGroup).(string)
	if id == "" || group == "" {
		return errors.New("a claim needs a transactional id and a group")
	}
	init := kmsg.NewPtrInitProducerIDRequest()
	init.TransactionalID, init.TransactionTimeoutMillis = &id, int32(txnTimeout.Milliseconds())
	var pid int64
	var epoch int16
	err := patiently(ctx, func() (int16, error) {
		resp, err := init.RequestWith(ctx, cl)
		if err != nil {
			return 0, err
		}
		pid, epoch = resp.ProducerID, resp.ProducerEpoch
		return resp.ErrorCode, nil
	})
	if err != nil {
		return fmt.Errorf("ending the transaction of an earlier process: %w", err)
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = id, pid, epoch, group
	err = patiently(ctx, func() (int16, error) {
		resp, err := add.RequestWith(ctx, cl)
		if err != nil {
			return 0, err
		}
		return resp.ErrorCode, nil
	})
	if err != nil {
		return fmt.Errorf("adding the group to a transaction: %w", err)
	}
	end := kmsg.NewPtrEndTxnRequest()
	end.TransactionalID, end.ProducerID, end.ProducerEpoch = id, pid, epoch
	err = patiently(ctx, func() (int16, error) {
		resp, err := end.RequestWith(ctx, cl)
		if err != nil {
			return 0, err
		}
		return resp.ErrorCode, nil
	})
	if err != nil {
		return fmt.Errorf("ending a transaction with the group: %w", err)
	}
	return nil
}

// patiently repeats a request while the coordinator is still busy with the transaction before.
func patiently(ctx context.Context, ask func() (code int16, err error)) error {
	var wait retry.Backoff
	for {
		code, err := ask()
		if err == nil {
			err = kerr.ErrorForCode(code)
		}
		if !errors.Is(err, kerr.ConcurrentTransactions) {
			return err
		}
		if err := wait.Wait(ctx); err != nil {
			return err
		}
	}
}
