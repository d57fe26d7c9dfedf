package notify

import (
	"strings"
	"testing"

	"github.com/darkmap/darkmap/notify/incident"
)

// TestUnknown checks that a silence of a list or a route that is not in the configuration gives a
// warning.
func TestUnknown(t *testing.T) {
	t.Parallel()
	c := DefaultConfig()
	c.Routes = []incident.Route{{Name: "mine"}}
	s := incident.Silence{Watch: []string{"customers", "costumers"}, Routes: []string{"mine", "yours"}}
	got := strings.Join(c.Unknown(s, []string{"customers"}), "\n")
	if strings.Count(got, "\n") != 1 || !strings.Contains(got, "no watch list costumers") || !strings.Contains(got, "no route yours") {
		t.Errorf("got %s", got)
	}
}
