package live

import (
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/feedlog"
)

// namedFeeds is the number of collectors that a sentence names.
const namedFeeds = 5

// problems returns whether the snapshot is stale, and sentences about everything that makes it
// incomplete. minute is the newest decided one.
func (s standing) problems(minute time.Time) (stale bool, sentences []string) {
	if s.away != "" {
		sentences = append(sentences,
			fmt.Sprintf("Since %s %s does not answer, so nothing new is known.", clock(s.awaySince), s.away))
	}
	sentences = append(sentences, s.waits...)
	if s.reading {
		sentences = append(sentences, "The present is being read: what is shown is not whole yet.")
	}
	if s.unseeded {
		sentences = append(sentences,
			"The store did not answer at the start: outages that began long ago may be missing.")
	}
	switch {
	case minute.IsZero() && s.away != "":
		return true, append(sentences, "No decided minute is known yet, so nothing can be said of outages.")
	case minute.IsZero():
		return true, append(sentences, "No minute has been decided yet, so nothing can be said of outages.")
	}
	until := minute.Add(time.Minute)
	if age := s.now.Sub(until) - s.late; age > StaleAfter && !s.past {
		stale = true
		sentences = append(sentences,
			fmt.Sprintf("No minute has been decided since %s, for %s: what is shown is as of then, and may be over.",
				clock(until), bgp.DurationText(s.now.Sub(until).Truncate(time.Minute))))
	}
	if len(s.families) == 0 {
		sentences = append(sentences, "It is not known who votes: no panel was chosen in the last two hours.")
	}
	for _, p := range s.families {
		if !p.Verdicts {
			sentences = append(sentences, p.Text+".")
		}
		if p.PlacesNotJudged != "" {
			sentences = append(sentences, strings.TrimSuffix(p.PlacesNotJudged, ".")+".")
		}
	}
	switch text := feedsText(s.feeds); {
	case text != "":
		sentences = append(sentences, text)
	case len(s.feeds)+s.privateFeeds == 0 && !s.past:
		sentences = append(sentences, "No collector has reported its state in the last two hours.")
	}
	if s.dropped > 0 {
		sentences = append(sentences,
			fmt.Sprintf("%s left out: the server holds as many as it may.", droppedText(s.dropped)))
	}
	return stale, sentences
}

// droppedText returns the count of records beyond the bounds of the fold, in words.
func droppedText(n int) string {
	if n == 1 {
		return "1 record of outages or values was"
	}
	return fmt.Sprintf("%d records of outages and values were", n)
}

// clock formats a time as pages do.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// feedsText names the collectors that are not up. It returns "" if all are.
func feedsText(rows []feedlog.Row) string {
	var bad []string
	for _, r := range rows {
		if r.State != feedlog.State(bgp.FeedUp) {
			bad = append(bad, fmt.Sprintf("%s (%s)", r.Collector, r.State))
		}
	}
	if len(bad) == 0 {
		return ""
	}
	names := strings.Join(bad[:min(len(bad), namedFeeds)], ", ")
	if more := len(bad) - namedFeeds; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	verb := "are"
	if len(bad) == 1 {
		verb = "is"
	}
	return fmt.Sprintf("%d of %s %s not up: %s.", len(bad), bgp.Count(len(rows), "collector"), verb, names)
}
