package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/fetch"
)

// TestCredits checks that NOTICE, `darkmap version --credits` and the fetched items name the same
// sources.
func TestCredits(t *testing.T) {
	t.Parallel()
	notice, err := os.ReadFile("../../NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	code, said, errs := darkmap(t, "", "version", "--credits")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	addresses := regexp.MustCompile(`https://[^\s)>,]+`)
	credited := addresses.FindAllString(said, -1)
	if len(credited) < 8 {
		t.Errorf("got %q", said)
	}
	for _, a := range credited {
		if !strings.Contains(string(notice), a) {
			t.Errorf("NOTICE lacks %s", a)
		}
	}
	for _, item := range fetch.Items() {
		if !strings.Contains(string(notice), item.Package) {
			t.Errorf("NOTICE lacks %s", item.Package)
		}
	}
}
