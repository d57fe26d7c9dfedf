package core

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNestedSpaceComesAndGoes: of a country with two /22, one comes for half of every minute and
// the other stays dark. That is an outage, whether or not the first is announced in more-specific
// prefixes as well.
func TestNestedSpaceComesAndGoes(t *testing.T) {
	t.Parallel()
	for _, nested := range []bool{false, true} {
		w := newWorld(t)
		dark := network{"198.24.0.0/22", 64900, 64400, "ZQ"}
		flapping := []network{{"198.20.0.0/22", 64900, 64400, "ZQ"}}
		prefixes := []string{"198.20.0.0/22"}
		for i := 0; nested && i < 4; i++ {
			prefixes = append(prefixes, fmt.Sprintf("198.20.%d.0/24", i))
			flapping = append(flapping, network{prefixes[i+1], 64900, 64400, "ZQ"})
		}
		w.networks = append(append(w.networks, flapping...), dark)
		w.tables()
		w.gone(dawn+20*minute, append([]network{dark}, flapping...)...)
		for m := int64(22); m < 110; m++ {
			for c := range w.collectors {
				for p := range w.peers {
					w.announce(c, p, dawn+m*minute+5, flapping...)
					w.withdraw(c, p, dawn+m*minute+40, prefixes...)
				}
			}
		}
		want := []string{"AS64900 outage open 20-open", "ZQ outage open 20-open"}
		if diff := cmp.Diff(want, told(w.run(dawn+115*minute), country, as)); diff != "" {
			t.Errorf("nested: %t (-want +got):\n%s", nested, diff)
		}
	}
}
