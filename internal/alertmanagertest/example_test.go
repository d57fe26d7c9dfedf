package alertmanagertest_test

import (
	"path/filepath"
	"testing"

	"github.com/darkmap/darkmap/internal/alertmanagertest"
	"github.com/darkmap/darkmap/internal/datatest"
)

// TestExampleConfiguration checks that Alertmanager accepts the configuration in examples.
func TestExampleConfiguration(t *testing.T) {
	t.Parallel()
	alertmanagertest.StartWith(t, filepath.Join(datatest.Root(t), "examples", "alertmanager", "alertmanager.yml"))
}
