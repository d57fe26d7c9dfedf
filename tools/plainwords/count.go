package main

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
)

// measures are the expressions, and how many of each 1,000 lines may have.
var measures = []struct {
	name       string
	expression *regexp.Regexp
	bar        float64
}{
	{"'what' as a noun", regexp.MustCompile(`(?i)\bwhat (it|is|was|are|were|has|have|had|can|cannot|could|` +
		`came|comes|goes|went|waits|stands|they|we|he|you|the|a|an|its|this|that|these|` +
		`no|of|in|nobody|somebody|there|does|did|do|may|must|will|would|makes|lies|remains|follows)\b`), 12},
	{"say, tell", regexp.MustCompile(`(?i)\b(say|says|said|saying|tell|tells|told|telling)\b`), 20},
	{"whoever, nobody, anew, lack, owe, stand", regexp.MustCompile(`(?i)\b(whoever|whatever|nobody|anew|` +
		`lack|lacks|lacked|lacking|owe|owes|owed|stand|stands|stood)\b`), 5},
}

// count prints each measure of each kind of text, and reports whether all are at most their bars.
func count(w io.Writer, texts map[string][]string, long int) bool {
	ok := long == 0
	fmt.Fprintf(w, "%-22s %7s", "per 1,000 lines", "lines")
	for _, m := range measures {
		fmt.Fprintf(w, "  %s (<= %g)", m.name, m.bar)
	}
	fmt.Fprintln(w)
	for _, kind := range slices.Sorted(maps.Keys(texts)) {
		lines := texts[kind]
		fmt.Fprintf(w, "%-22s %7d", kind, len(lines))
		for _, m := range measures {
			n := 0
			for _, line := range lines {
				n += len(m.expression.FindAllString(line, -1))
			}
			share := 1000 * float64(n) / float64(max(len(lines), 1))
			ok = ok && share <= m.bar
			fmt.Fprintf(w, "  %*.1f", len(m.name)+8, share)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "lines of Go over %d columns, outside tests: %d\n", widest, long)
	return ok
}
