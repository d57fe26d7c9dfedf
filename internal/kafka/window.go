package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/darkmap/darkmap/schemas"
)

// windowKey is the prefix of a commit's metadata that name a window.
const windowKey = "window="

// WindowMetadata returns the metadata of a commit for a stage that has closed and published every
// window up to the one that began at start, in seconds since 1970. It returns "" if start is
// negative.
func WindowMetadata(start int64) string {
	if start < 0 {
		return ""
	}
	return windowKey + strconv.FormatInt(start, 10)
}

// ParseWindow is the inverse of WindowMetadata. It returns -1 if the metadata name no window.
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

// LastWindow returns the newest window in the metadata of a stage's commits on a topic, or -1 if
// there is none.
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

// Decided returns the newest window that detect has decided in both address families, in seconds
// since 1970, or -1 if there is none. Of two detectors, one for each family, the one that is behind
// counts. A family without a detector does not count, nor does one whose group the client may not
// describe.
func Decided(ctx context.Context, adm *kadm.Client, cfg Config) (int64, error) {
	both, err := LastWindow(ctx, adm, cfg, schemas.StageDetect, schemas.TopicRoutes)
	if err != nil {
		return 0, err
	}
	apart := int64(-1)
	for _, stage := range schemas.DetectApart {
		switch w, err := LastWindow(ctx, adm, cfg, stage, schemas.TopicRoutes); {
		case errors.Is(err, kerr.GroupAuthorizationFailed):
		case err != nil:
			return 0, err
		case w >= 0 && (apart < 0 || w < apart):
			apart = w
		}
	}
	return max(both, apart), nil
}
