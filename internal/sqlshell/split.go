package sqlshell

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Statement is one statement of a text.
type Statement struct {
	SQL string
	// Vertical is set if the statement ends with \G instead of a semicolon.
	Vertical bool
}

// Split splits text at semicolons outside of quotes, heredocs and comments, by the rules of
// ClickHouse's own lexer. It omits statements that hold only comments. open reports that the last
// statement is not ended.
func Split(text string) (statements []Statement, open bool) {
	begin, code := 0, false
	end := func(i int, vertical bool) {
		if code {
			statements = append(statements, Statement{strings.TrimFunc(text[begin:i], blank), vertical})
		}
	}
	for i := 0; i < len(text); {
		n, kind := token(text[i:])
		switch kind {
		case tokenEnd, tokenVertical:
			end(i, kind == tokenVertical)
			begin, code = i+n, false
		case tokenCode, tokenWord, tokenQuoted:
			code = true
		case tokenBlank:
		}
		i += n
	}
	end(len(text), false)
	return statements, code
}

type tokenKind uint8

const (
	tokenBlank    tokenKind = iota // space, comment
	tokenWord                      // keyword, name or number
	tokenQuoted                    // string, quoted name, heredoc
	tokenCode                      // any other character
	tokenEnd                       // the semicolon
	tokenVertical                  // \G
)

// quotes are the marks that begin and end quoted text. Only the first three allow escapes.
var quotes = []struct {
	begin, end string
	escapes    bool
}{{"'", "'", true}, {`"`, `"`, true}, {"`", "`", true}, {"‘", "’", false}, {"“", "”", false}}

// token returns the length, at least one octet, and the kind of the next token of s.
func token(s string) (length int, kind tokenKind) {
	for _, p := range []string{"--", "//", "#!", "# "} {
		if strings.HasPrefix(s, p) {
			return until(s, len(p), "\n"), tokenBlank
		}
	}
	for _, q := range quotes {
		switch {
		case !strings.HasPrefix(s, q.begin):
		case q.escapes:
			return quoted(s), tokenQuoted
		default:
			return until(s, len(q.begin), q.end), tokenQuoted
		}
	}
	if r, n := utf8.DecodeRuneInString(s); blank(r) {
		return n, tokenBlank
	}
	switch c := s[0]; {
	case c == ';':
		return 1, tokenEnd
	case strings.HasPrefix(s, `\G`):
		return 2, tokenVertical
	case strings.HasPrefix(s, "/*"):
		return comment(s), tokenBlank
	case c == '$':
		if n := heredoc(s); n > 0 {
			return n, tokenQuoted
		}
		return 1, tokenCode
	case inWord(c):
		return word(s), tokenWord
	}
	return 1, tokenCode
}

// blank reports whether r separates tokens. ClickHouse's lexer accepts the white space of Unicode and
// characters without width, as texts copied from documents contain them.
func blank(r rune) bool {
	switch r {
	case '\u180e', '\u200b', '\u200c', '\u200d', '\u2060', '\ufeff':
		return true
	}
	return unicode.IsSpace(r)
}

// inWord reports whether c can begin a name.
func inWord(c byte) bool {
	return c == '_' || c < unicode.MaxASCII && (unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c)))
}

// word returns the length of the name at the start of s. A name can hold a dollar, which then
// begins no heredoc.
func word(s string) int {
	for i := range len(s) {
		if !inWord(s[i]) && s[i] != '$' {
			return i
		}
	}
	return len(s)
}

// until returns the length of s up to and including the mark, or of all of s.
func until(s string, from int, mark string) int {
	if i := strings.Index(s[from:], mark); i >= 0 {
		return from + i + len(mark)
	}
	return len(s)
}

// comment returns the length of the comment at the start of s. Comments can be nested.
func comment(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(s[i:], "*/"):
			depth--
			i++
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(s)
}

// heredoc returns the length of the heredoc, $tag$...$tag$, at the start of s; 0 is none. A heredoc
// without an end takes all of s.
func heredoc(s string) int {
	i := 1
	for i < len(s) && inWord(s[i]) {
		i++
	}
	if i == len(s) || s[i] != '$' {
		return 0
	}
	return until(s, i+1, s[:i+1])
}

// quoted returns the length of the quoted text at the start of s. A doubled quote gives two tokens,
// which has the same effect here.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		}
	}
	return len(s)
}

// words returns the first n words of a statement, in upper case, without the other tokens.
func words(sql string, n int) (out []string) {
	for len(sql) > 0 && len(out) < n {
		length, kind := token(sql)
		if kind == tokenWord {
			out = append(out, strings.ToUpper(sql[:length]))
		}
		sql = sql[length:]
	}
	return out
}
