package detect

import (
	"errors"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/panel"
)

// LeastVoters is below what no configuration may lower the panel.
const LeastVoters = panel.LeastVoters

// DefaultOperatorConfig is what docs/detection.md says.
func DefaultOperatorConfig() OperatorConfig {
	return OperatorConfig{Panel: panel.Config{}.WithDefaults(), Outage: outage.Config{}.WithDefaults()}
}

// Validate reports all faults, joined.
func (c *OperatorConfig) Validate() error {
	return errors.Join(c.Panel.Validate(), c.Outage.Validate())
}
