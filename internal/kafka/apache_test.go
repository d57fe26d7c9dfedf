package kafka_test

import (
	"testing"

	"github.com/darkmap/darkmap/internal/kafkatest"
)

// TestApache transforms records on three brokers of a real Apache Kafka. In the second part one
// broker is killed meanwhile, and restarted. TestSecure covers the parts that do not depend on the
// number of brokers.
func TestApache(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartApache(t, 3)
	testTransform(t, kafkatest.Dataset(t, cluster.Config, 3))
	testTransformKilled(t, kafkatest.Dataset(t, cluster.Config, 3), 6, 600, func(kill int) {
		switch kill {
		case 1:
			cluster.Kill(1)
		case 4:
			cluster.StartAll()
		}
	})
}
