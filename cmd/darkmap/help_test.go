package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWordsOfTheCommandLine: an error on a wrong or missing word lists the known words, and the
// most similar one.
func TestWordsOfTheCommandLine(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"ingst":                      `did you mean "ingest"`,
		"replay --formt json x":      `did you mean "--format"`,
		"help confg":                 `did you mean "config"`,
		"help config chek":           `did you mean "check"`,
		"demo --late":                "want one of amsterdam, ashburn, ",
		"demo --late tokio":          `(did you mean "tokyo"?): want one of amsterdam, `,
		"demo --early=":              "want one of amsterdam, ",
		"simulate outage48h":         `(did you mean "outage-48h"?): there is outage-48h, `,
		"simulate outage-48h":        "--export DIR is missing",
		"simulate --export x":        "`darkmap simulate` lists them",
		"completion csh":             `"bash","zsh","fish"`,
		"config check --set kafk.x=": "unknown key kafk",
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), strings.Fields(line), nil, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: got %d, %q, want %q in it", line, code, errs.String(), want)
		}
	}
	for line, want := range map[string]string{
		"simulate":                       "origin-change                 2015-01-05 00:00 to 2015-01-08 00:00  Another AS originates a prefix for six hours; no route is lost.\n",
		"completion fish":                "complete -c darkmap",
		"complete -- demo --late lo":     "london\n",
		"complete -- simulate origin":    "origin-change\tAnother AS",
		"complete -- help con":           "config\n",
		"complete -- dump updates":       ":files\n",
		"complete -- completion z":       "zsh\n",
		"complete -- config pr":          "print\tPrint",
		"complete -- replay --more-spec": "",
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), strings.Fields(line), nil, &out, &errs); code != 0 || !strings.Contains(out.String(), want) {
			t.Errorf("%s: got %d, %q and %q, want %q", line, code, out.String(), errs.String(), want)
		}
	}
}

// TestTruthIsExported: an export contains the truth, for programs and for people.
func TestTruthIsExported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"simulate", "four-withdrawn", "--export", dir}, nil, &out, &errs); code != 0 {
		t.Fatalf("got %d: %s", code, errs.String())
	}
	b, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var truth struct {
		Events []struct {
			Kind, Country, Start, End string
			Prefixes                  []string
		}
	}
	if err := json.Unmarshal(b, &truth); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, e := range truth.Events {
		found = found || e.Kind == "outage" && e.Country == "KP" && e.Start == "2015-01-06T12:00:00Z" && e.End == "2015-01-06T12:40:00Z" && len(e.Prefixes) == 4
	}
	text, err := os.ReadFile(filepath.Join(dir, "truth.txt"))
	if line := "2015-01-06 12:00:00 UTC to 2015-01-06 12:40:00 UTC, 40 min: outage, IPv4, of 175.45.176.0/24, "; err != nil || !found || !strings.Contains(string(text), line) {
		t.Errorf("got %v, %s\n%s", err, b, text)
	}
}
