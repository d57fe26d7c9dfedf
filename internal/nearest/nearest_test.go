package nearest

import "testing"

func TestOf(t *testing.T) {
	t.Parallel()
	keys := []string{"min_voters", "min_collectors", "max_sessions", "brokers", "url"}
	for word, want := range map[string]string{
		"min_voter": "min_voters", "min_votres": "min_voters", "MIN_VOTERS": "min_voters", "mincollectors": "min_collectors", "borkers": "brokers",
		"ulr": "url", "x": "", "": "", "something_else": "", "voters": "",
	} {
		if got := Of(word, keys); got != want {
			t.Errorf("Of(%q): got %q, want %q", word, got, want)
		}
	}
}
