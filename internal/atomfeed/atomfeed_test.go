package atomfeed_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/atomfeed"
	"github.com/darkmap/darkmap/internal/schematest"
)

func example() *atomfeed.Feed {
	at := atomfeed.At(time.Date(2014, 12, 22, 16, 15, 8, 123, time.UTC))
	return &atomfeed.Feed{
		Language: "en", ID: "tag:example.net,2026:outages", Title: "Outages", Updated: at, Author: atomfeed.Person{Name: "darkmap"},
		Links: []atomfeed.Link{{Rel: "self", Type: "application/atom+xml", Href: "https://example.net/feed.atom"}},
		Entries: []atomfeed.Entry{{
			ID: "tag:example.net,2026:outages/a", Title: `<b>"AT&T" 'x' ]]> ` + "é", Published: &at, Updated: at,
			Categories: []atomfeed.Category{{Scheme: "tag:example.net,2026:severity", Term: "total"}},
			Links:      []atomfeed.Link{{Rel: "alternate", Type: "text/html", Href: "https://example.net/outages/a?x=1&y=2"}},
			Summary:    "a line\nand another", Content: &atomfeed.Text{Type: "html", Body: "<p>a &amp; b</p>"},
		}},
	}
}

// TestReadBack checks that a written feed is read unchanged, and written again byte for byte.
func TestReadBack(t *testing.T) {
	t.Parallel()
	b, err := atomfeed.Write(example())
	if err != nil {
		t.Fatal(err)
	}
	f, err := atomfeed.Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	again, err := atomfeed.Write(f)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(b), string(again)); diff != "" {
		t.Error(diff)
	}
	if f.Language != "en" || f.Entries[0].Title != example().Entries[0].Title {
		t.Errorf("got %+v", f)
	}
}

func TestReadNothing(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "<feed/>", "<feed xmlns='http://www.w3.org/2005/Atom'>", "no XML"} {
		if f, err := atomfeed.Read(bytes.NewReader([]byte(s))); err == nil {
			t.Errorf("%q is read as %+v", s, f)
		}
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	b, err := atomfeed.Write(example())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "feed.atom")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	schematest.Validate(t, schematest.Atom, path)
}

func TestIsTag(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"tag:example.net,2026:outages": true, "tag:noc@example.net,2026-01-02:a/b": true, "tag:example.net,2026:": true,
		"": false, "https://example.net/": false, "tag:example.net:outages": false, "tag:example.net,2026:a b": false, "tag:example.net,26:a": false, "tag:exa mple,2026:a": false, "tag:example.net,2026:<": false,
	} {
		if got := atomfeed.IsTag(s); got != want {
			t.Errorf("%q: got %v, want %v", s, got, want)
		}
	}
}
