package sqlshell

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Word is a name that can complete a statement.
type Word struct {
	// Text is the name; Kind is table, column, function, keyword or format; Table is that of a column.
	Text, Kind, Table string
	// Note is the type and meaning, for people.
	Note string
}

const (
	// maxWords bounds the names that are kept of each kind, and maxOffered those that are offered at a time.
	maxWords, maxOffered = 20_000, 200
	// catalogueLimit bounds how long a Tab waits for the server.
	catalogueLimit = 3 * time.Second
	// catalogueAge is for how long names are taken to be right.
	catalogueAge = time.Minute
)

// catalogueQueries ask for names that the reader may see. The second fails on servers before 25.7, which then complete tables and columns.
var catalogueQueries = []string{
	`SELECT name, 'table', '', comment FROM system.tables WHERE database = currentDatabase() AND NOT startsWith(name, '.')
	UNION ALL SELECT name, 'column', table, type || '  ' || comment FROM system.columns WHERE database = currentDatabase() AND NOT startsWith(table, '.')
	LIMIT 20000`,
	`SELECT DISTINCT word, multiIf(context = 'table function', 'table', context = 'keyword', 'keyword', context = 'format', 'format', 'function'), '', ''
	FROM system.completions WHERE context IN ('function', 'table function', 'keyword', 'format') LIMIT 20000`,
}

// catalogue holds the names that complete statements. It asks at the first use, and again when names are old.
type catalogue struct {
	ask   func(ctx context.Context, sql string) ([][]string, error)
	words []Word
	at    time.Time
	now   func() time.Time
}

// load asks for names where they are missing or old. What cannot be asked for now completes nothing: a Tab is no place for an error.
func (c *catalogue) load(ctx context.Context) {
	if !c.at.IsZero() && c.now().Sub(c.at) < catalogueAge {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, catalogueLimit)
	defer cancel()
	var words []Word
	for _, sql := range catalogueQueries {
		found, err := c.ask(ctx, sql)
		if err != nil {
			continue
		}
		for _, row := range found[:min(len(found), maxWords)] {
			words = append(words, Word{row[0], row[1], row[2], row[3]})
		}
	}
	if len(words) > 0 {
		c.words, c.at = words, c.now()
	}
}

// forget makes the next use ask again.
func (c *catalogue) forget() { c.at = time.Time{} }

// prefixOf is the name that the text ends with, as far as it was typed; empty in quotes and comments.
func prefixOf(text string) (prefix string, open bool) {
	for text != "" {
		n, kind := token(text)
		if n == len(text) {
			switch kind {
			case tokenWord:
				return text, true
			case tokenQuoted:
				return "", false
			case tokenBlank:
				return "", strings.TrimSpace(text) == ""
			case tokenCode, tokenEnd, tokenVertical: // a name may follow
			}
		}
		text = text[n:]
	}
	return "", true
}

// before are the words before the name that is being typed, in upper case.
func before(text, prefix string) []string {
	return words(strings.TrimSuffix(text, prefix), len(text)+1)
}

// wantTables are the words that the name of a table follows.
var wantTables = []string{"FROM", "JOIN", "INTO", "TABLE", "DESCRIBE", "DESC", "VIEW", "TRUNCATE", "OPTIMIZE"}

// place is where in a statement a name is being typed.
type place struct {
	last      string // the word before, in upper case
	qualified bool   // a dot stands before the name
	mentioned map[string]bool
}

// rank is how likely a name is there, 1 the most; 0 is not at all.
func (p place) rank(w Word) int {
	switch {
	case p.qualified && w.Kind == "column" && p.mentioned[strings.ToUpper(w.Table)]:
		return 1
	case p.qualified:
		return map[string]int{"column": 2, "table": 2}[w.Kind]
	case p.last == "FORMAT":
		return map[string]int{"format": 1}[w.Kind]
	case slices.Contains(wantTables, p.last):
		return map[string]int{"table": 1}[w.Kind]
	case w.Kind == "column" && p.mentioned[strings.ToUpper(w.Table)]:
		return 1
	}
	return map[string]int{"keyword": 2, "column": 3, "table": 3, "function": 4}[w.Kind]
}

// complete returns the names that complete what stands before the cursor, the likeliest first, and how far it was typed. behind is the
// text behind the cursor, which may name the tables.
func (c *catalogue) complete(text, behind string) (found []Word, prefix string) {
	prefix, open := prefixOf(text)
	if !open {
		return nil, ""
	}
	typed := before(text, prefix)
	p := place{qualified: strings.HasSuffix(strings.TrimSuffix(text, prefix), "."), mentioned: map[string]bool{}}
	switch {
	case strings.HasPrefix(text, `\d`):
		p.last = "TABLE"
	case len(typed) > 0:
		p.last = typed[len(typed)-1]
	}
	for _, w := range slices.Concat(typed, words(behind, len(behind)+1)) {
		p.mentioned[w] = true
	}
	if prefix == "" && p.last == "" {
		return nil, ""
	}
	at, ranks := map[string]int{}, map[string]int{}
	for _, w := range c.words {
		r := p.rank(w)
		if r == 0 || !hasPrefixFold(w.Text, prefix) {
			continue
		}
		i, seen := at[w.Text]
		switch {
		case !seen:
			at[w.Text], ranks[w.Text] = len(found), r
			found = append(found, w)
		case r < ranks[w.Text]:
			found[i], ranks[w.Text] = w, r
		}
	}
	slices.SortStableFunc(found, func(a, b Word) int {
		return cmp.Or(cmp.Compare(ranks[a.Text], ranks[b.Text]), cmp.Compare(strings.ToLower(a.Text), strings.ToLower(b.Text)))
	})
	return found[:min(len(found), maxOffered)], prefix
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
