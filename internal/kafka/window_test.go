package kafka_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// TestDecided: the newest decided window is that of the detector for both families or, after it
// was replaced by two, that of the one that is behind.
func TestDecided(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 2)
	adm, err := kafka.NewAdmin(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	ipv4, ipv6 := schemas.DetectApart[0], schemas.DetectApart[1]
	for i, step := range []struct {
		stage  string
		window int64
		want   int64
	}{
		{"", 0, -1},
		{schemas.StageDetect, 600, 600},
		{ipv4, 660, 660}, // the other one has not begun
		{ipv6, 600, 600},
		{ipv6, 720, 660},
		{ipv4, 780, 720},
		{schemas.StageDetect, 840, 840},
	} {
		if step.stage != "" {
			offsets := kadm.Offsets{}
			offsets.Add(kadm.Offset{
				Topic: cfg.Topic(schemas.TopicRoutes), At: 1, LeaderEpoch: -1, Metadata: kafka.WindowMetadata(step.window),
			})
			if err := adm.CommitAllOffsets(t.Context(), cfg.Group(step.stage), offsets); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := kafka.Decided(t.Context(), adm, cfg); err != nil || got != step.want {
			t.Errorf("step %d: got %d, %v, want %d", i, got, err, step.want)
		}
	}
}
