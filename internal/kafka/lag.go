package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/retry"
)

// Reading lists the topics of the registry that a stage's group reads.
type Reading struct {
	Stage  string
	Topics []string
}

// GroupLag is the distance of a group from the end of a topic, in records. It includes markers of
// transactions.
type GroupLag struct {
	Stage   string
	Topic   string
	Records int64
	// Read and End sum the positions of the group and the ends of the log over the partitions.
	Read, End int64
	// partitions holds the position of the group and the end of the log for each partition.
	partitions []partitionLag
}

type partitionLag struct {
	partition      int32
	committed, end int64
}

// lagRetries caps the retries of Lag if a broker temporarily cannot answer, such as just after its
// start.
const lagRetries = 8

// Lag returns the lag of groups. A group without a commit lags by the whole log.
func Lag(ctx context.Context, adm *kadm.Client, cfg Config, readings ...Reading) ([]GroupLag, error) {
	var wait retry.Backoff
	for i := 0; ; i++ {
		lags, err := lagNow(ctx, adm, cfg, readings)
		if err == nil || !kerr.IsRetriable(err) || i == lagRetries {
			return lags, err
		}
		if err := wait.Wait(ctx); err != nil {
			return nil, err
		}
	}
}

func lagNow(ctx context.Context, adm *kadm.Client, cfg Config, readings []Reading) ([]GroupLag, error) {
	var out []GroupLag
	for _, r := range readings {
		names := make([]string, len(r.Topics))
		for i, t := range r.Topics {
			names[i] = cfg.Topic(t)
		}
		starts, err := adm.ListStartOffsets(ctx, names...)
		if err == nil {
			err = starts.Error()
		}
		if err != nil {
			return nil, fmt.Errorf("listing offsets: %w", err)
		}
		// Read committed offsets before ends, so that a lag of 0 was true at one moment.
		commits, err := committed(ctx, adm, cfg, r.Stage, names...)
		if err != nil {
			return nil, err
		}
		ends, err := adm.ListEndOffsets(ctx, names...)
		if err == nil {
			err = ends.Error()
		}
		if err != nil {
			return nil, fmt.Errorf("listing offsets: %w", err)
		}
		for i, t := range r.Topics {
			l := GroupLag{Stage: r.Stage, Topic: t}
			for p, end := range ends[names[i]] {
				at := starts[names[i]][p].Offset
				if c, ok := commits.Lookup(names[i], p); ok && c.At > at {
					at = c.At
				}
				l.Records += max(0, end.Offset-at)
				l.Read += at
				l.End += end.Offset
				l.partitions = append(l.partitions, partitionLag{p, at, end.Offset})
			}
			out = append(out, l)
		}
	}
	return out, nil
}

// committed returns a group's committed offsets. It returns none if the group does not exist yet.
func committed(
	ctx context.Context, adm *kadm.Client, cfg Config, stage string, topics ...string,
) (kadm.OffsetResponses, error) {
	commits, err := adm.FetchOffsetsForTopics(ctx, cfg.Group(stage), topics...)
	if err == nil {
		err = commits.Error()
	}
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the offsets of group %s: %w", cfg.Group(stage),
			cfg.Refused(err, "DESCRIBE", "group "+cfg.Group(stage)))
	}
	return commits, nil
}

// maxMarkers is the largest number of trailing records, such as markers of transactions, that
// Drained reads.
const maxMarkers = 1000

// Drained reports whether the groups have read every record. In contrast to a lag of 0, it is also
// true if a group's offsets end before the marker of the last transaction.
func Drained(
	ctx context.Context, adm *kadm.Client, cfg Config, log *slog.Logger, readings ...Reading,
) (bool, error) {
	lags, err := Lag(ctx, adm, cfg, readings...)
	if err != nil {
		return false, err
	}
	for _, l := range lags {
		if l.Records == 0 {
			continue
		}
		if l.Records > maxMarkers {
			return false, nil
		}
		from := map[int32]int64{}
		for _, p := range l.partitions {
			if p.committed < p.end {
				from[p.partition] = p.committed
			}
		}
		found := errors.New("a record")
		err := read(ctx, cfg, log, l.Topic, from, func(*kgo.Record) error { return found })
		switch {
		case errors.Is(err, found):
			return false, nil
		case err != nil:
			return false, err
		}
	}
	return true, nil
}
