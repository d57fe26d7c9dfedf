package kafka

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
)

// windowKey begins the metadata of a commit that names a window.
const windowKey = "window="

// WindowMetadata are the metadata of a commit by which a stage says that every window up to the one that began at start, seconds since
// 1970, is closed and published; empty where start is negative.
func WindowMetadata(start int64) string {
	if start < 0 {
		return ""
	}
	return windowKey + strconv.FormatInt(start, 10)
}

// ParseWindow reads WindowMetadata; -1 where the metadata name no window.
func ParseWindow(metadata string) (int64, error) {
	v, ok := strings.CutPrefix(metadata, windowKey)
	if !ok {
		return -1, nil
	}
	start, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the metadata %q of a commit: %w", metadata, err)
	}
	return start, nil
}

// LastWindow asks for the newest window that a stage's commits on a topic name; -1 where they name none.
func LastWindow(ctx context.Context, adm *kadm.Client, cfg Config, stage, topic string) (int64, error) {
	commits, err := committed(ctx, adm, cfg, stage, cfg.Topic(topic))
	if err != nil {
		return 0, err
	}
	last := int64(-1)
	for _, o := range commits[cfg.Topic(topic)] {
		w, err := ParseWindow(o.Metadata)
		if err != nil {
			return 0, err
		}
		last = max(last, w)
	}
	return last, nil
}
