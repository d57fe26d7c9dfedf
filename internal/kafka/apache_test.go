package kafka_test

import (
	"testing"

	"github.com/darkmap/darkmap/internal/kafkatest"
)

// TestApache runs the suite against a real Apache Kafka.
func TestApache(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.Apache(t)
	t.Run("Apply and Remove", func(t *testing.T) {
		t.Parallel()
		testApplyAndRemove(t, kafkatest.Dataset(t, cfg, 3))
	})
	t.Run("Transform", func(t *testing.T) {
		t.Parallel()
		testTransform(t, kafkatest.Dataset(t, cfg, 3))
	})
	t.Run("Transform killed", func(t *testing.T) {
		t.Parallel()
		testTransformKilled(t, kafkatest.Dataset(t, cfg, 3), 6, 3000)
	})
}
