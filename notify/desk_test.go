package notify

import (
	"strings"
	"testing"

	"github.com/darkmap/darkmap/notify/incident"
)

// TestUnknown: a silence of a list or a route that is not in the configuration holds nothing back, and that is said.
func TestUnknown(t *testing.T) {
	t.Parallel()
	c := DefaultConfig()
	c.Routes = []incident.Route{{Name: "mine"}}
	s := incident.Silence{Watch: []string{"customers", "costumers"}, Routes: []string{"mine", "yours"}}
	got := strings.Join(c.Unknown(s, []string{"customers"}), "\n")
	if strings.Count(got, "\n") != 1 || !strings.Contains(got, `watch list of this configuration is named "costumers"`) || !strings.Contains(got, `route of this configuration is named "yours"`) {
		t.Errorf("got %s", got)
	}
	if got := c.Unknown(s, nil); len(got) != 1 {
		t.Errorf("without lists: got %q", got)
	}
}
