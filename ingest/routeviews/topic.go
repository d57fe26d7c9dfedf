package routeviews

import (
	"fmt"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	topicPrefix = "routeviews."
	topicSuffix = ".bmp_raw"
)

// collectorOf returns the name of the collector in routeviews.<collector>.<peer ASN>.bmp_raw.
func collectorOf(topic string) (string, error) {
	rest, ok := strings.CutPrefix(topic, topicPrefix)
	if ok {
		rest, ok = strings.CutSuffix(rest, topicSuffix)
	}
	dot := strings.LastIndexByte(rest, '.')
	if !ok || dot < 0 {
		return "", fmt.Errorf("topic %q is not routeviews.<collector>.<peer ASN>.bmp_raw", topic)
	}
	name, err := bgp.CollectorName(bgp.ProjectRouteViews, rest[:dot])
	if err != nil {
		return "", fmt.Errorf("topic %q: %w", topic, err)
	}
	return name, nil
}

// groupKey returns the key by which topics are assigned: the collector, or the topic itself if it
// names none.
func groupKey(topic string) string {
	name, err := collectorOf(topic)
	if err != nil {
		return topic
	}
	return name
}
