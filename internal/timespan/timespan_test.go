package timespan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/timespan"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                  "0001-01-01T00:00:00Z 0s",
		"2014-12-22":                        "2014-12-22T00:00:00Z 24h0m0s",
		"2014-12-22T10:30":                  "2014-12-22T10:30:00Z 1m0s",
		"2014-12-22 10:30":                  "2014-12-22T10:30:00Z 1m0s",
		"2014-12-22T10:30+01:00":            "2014-12-22T09:30:00Z 1m0s",
		"2014-12-22T10:30:15Z":              "2014-12-22T10:30:15Z 1s",
		"2014-12-22 10:30:15":               "2014-12-22T10:30:15Z 1s",
		"2014-12-22T10:30:15.25Z":           "2014-12-22T10:30:15.25Z 1µs",
		"1419244200":                        "2014-12-22T10:30:00Z 1s",
		"1419244200.000001":                 "2014-12-22T10:30:00.000001Z 1µs",
		"2014":                              `"2014" is not a time: write it as 2014-12-22, `,
		"20141222":                          "is not a time",
		"20141222103000":                    "is not a time",
		"22.12.2014":                        "is not a time",
		"2014-13-01":                        "is not a time",
		"yesterday":                         "or as seconds since 1970",
		"NaN":                               "is not a time",
		"-1419244200":                       "is not a time",
		"1970-01-01T00:00:00.0000001+00:00": "1970-01-01T00:00:00.0000001Z 1µs",
	} {
		at, lasts, err := timespan.Parse(in)
		got := at.Format(time.RFC3339Nano) + " " + lasts.String()
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestParseWindow(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"|":                                         "0001-01-01T00:00:00Z 0001-01-01T00:00:00Z",
		"2014-12-22|2014-12-22":                     "2014-12-22T00:00:00Z 2014-12-23T00:00:00Z",
		"2014-12-22 16:15|2014-12-22 16:16:30":      "2014-12-22T16:15:00Z 2014-12-22T16:16:30Z",
		"2014-12-22T16:15|2014-12-22T17:15:00Z":     "2014-12-22T16:15:00Z 2014-12-22T17:15:00Z",
		"2014-12-22T16:15Z|2014-12-22T18:15+02:00x": "--to",
		"2014-12-22T16:15:00+09:00|":                "2014-12-22T07:15:00Z 0001-01-01T00:00:00Z",
		"2014-12-22|2014-12-21":                     "--from 2014-12-22 --to 2014-12-21: the window ends before it begins",
		"2014-12-22 16:15|2014-12-22 16:15":         "ends before it begins",
		"22.12.2014|":                               `--from "22.12.2014" is not a time`,
		"|yesterday":                                `--to "yesterday" is not a time`,
	} {
		from, to, _ := strings.Cut(in, "|")
		begin, end, err := timespan.ParseWindow(from, to, false)
		got := begin.Format(time.RFC3339) + " " + end.Format(time.RFC3339)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	_, end, err := timespan.ParseWindow("2014-12-22 16:15", "2014-12-22 16:15", true)
	if want := time.Date(2014, 12, 22, 16, 16, 0, 0, time.UTC); err != nil || !end.Equal(want) {
		t.Errorf("whole: got %s, %v, want %s", end, err, want)
	}
}
