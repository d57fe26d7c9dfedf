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
	// Text is the name. Kind is table, column, function, keyword or format. Table is the table of a
	// column.
	Text, Kind, Table string
	// Note is the type and the meaning of the name, for display.
	Note string
}

const (
	// maxWords bounds the names kept of each kind, maxOffered the names offered at a time.
	maxWords, maxOffered = 20_000, 200
	// catalogueLimit bounds the time for which a Tab waits for the server.
	catalogueLimit = 3 * time.Second
	// catalogueAge is the age from which names are loaded again.
	catalogueAge = time.Minute
)

// catalogueQueries ask for the names that the reader may see. The second query fails on servers
// before 25.7; those complete only tables and columns.
var catalogueQueries = []string{
	`SELECT name, 'table', '', comment FROM system.tables
	WHERE database = currentDatabase() AND NOT startsWith(name, '.')
	UNION ALL SELECT name, 'column', table, type || '  ' || comment FROM system.columns
	WHERE database = currentDatabase() AND NOT startsWith(table, '.')
	LIMIT 20000`,
	`SELECT DISTINCT word, multiIf(context = 'table function', 'table',
		context = 'keyword', 'keyword', context = 'format', 'format', 'function'), '', ''
	FROM system.completions WHERE context IN ('function', 'table function', 'keyword', 'format') LIMIT 20000`,
}

// catalogue holds the names that complete statements. It loads them at the first use, and again
// when they are older than catalogueAge.
type catalogue struct {
	ask   func(ctx context.Context, sql string) ([][]string, error)
	words []Word
	at    time.Time
	now   func() time.Time
}

// load loads the names if they are missing or old. It ignores errors, because a Tab is no place to
// show one: the names of a failed query complete nothing.
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

// forget makes the next use load the names again.
func (c *catalogue) forget() { c.at = time.Time{} }

// prefixOf returns the typed part of the name at the end of text. open is false within quotes and
// comments, where no name is completed.
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

// before returns the words before the name that is being typed, in upper case.
func before(text, prefix string) []string {
	return words(strings.TrimSuffix(text, prefix), len(text)+1)
}

// wantTables are the words that a table's name follows.
var wantTables = []string{"FROM", "JOIN", "INTO", "TABLE", "DESCRIBE", "DESC", "VIEW", "TRUNCATE", "OPTIMIZE"}

// place is the position in a statement at which a name is being typed.
type place struct {
	last      string // the word before, in upper case
	qualified bool   // a dot precedes the name
	mentioned map[string]bool
}

// rank returns how likely the name is at p: 1 is the most likely, 0 excludes it.
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

// complete returns the names that complete the text before the cursor, the most likely first, and
// the typed part of the name. behind is the text after the cursor, which may name the tables.
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
		return cmp.Or(cmp.Compare(ranks[a.Text], ranks[b.Text]),
			cmp.Compare(strings.ToLower(a.Text), strings.ToLower(b.Text)))
	})
	return found[:min(len(found), maxOffered)], prefix
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
