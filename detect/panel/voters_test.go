package panel

import "testing"

// TestVotersGrow checks that room for more slots makes no other voters.
func TestVotersGrow(t *testing.T) {
	t.Parallel()
	c := newCrowd(DefaultConfig(), 64)
	c.close(900)
	c.join(500, 10)
	if _, changed := c.close(60); changed {
		t.Error("a peer that does not vote, at the first slot of a word, changed the voters")
	}
}
