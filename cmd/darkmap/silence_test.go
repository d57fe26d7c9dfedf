package main

import (
	"slices"
	"strings"
	"testing"
)

// TestSilenceWords: codes are parsed as by show, and a name that the configuration does not have is
// reported.
func TestSilenceWords(t *testing.T) {
	t.Parallel()
	got, err := entityCodes([]string{"kp", "64496", "as64497", "192.0.2.9/24", "kp-01", "World"})
	if want := []string{"KP", "AS64496", "AS64497", "192.0.2.0/24", "KP-01", "world"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for code, want := range map[string]string{
		"Tonga": "want the code of an entity", "192.0.2.1": "want the code of an entity", "country-KP-ipv4-20141222T1615Z": "want the code of an entity",
		"watch/mine": "named by --watch",
	} {
		if _, err := entityCodes([]string{code}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", code, err, want)
		}
	}
	args := []string{"notify", "silence", "--route", "mien", "--watch", "customer", "--for", "2h", "--data-dir", t.TempDir()}
	_, _, errs := darkmap(t, "", args...)
	for _, want := range []string{"has no route mien", "has no watch list customer"} {
		if !strings.Contains(errs, want) {
			t.Errorf("got %s, want %q", errs, want)
		}
	}
	if code, _, errs := darkmap(t, "", "notify", "test", "mien", "--set", "notify.targets={mine: {slack: {url: {env: A}}}}"); code != exitUsage || !strings.Contains(errs, "the configuration has mine") {
		t.Errorf("got %d, %s", code, errs)
	}
}
