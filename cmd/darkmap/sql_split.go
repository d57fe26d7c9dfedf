package main

import "strings"

// splitSQL splits text at semicolons outside of quotes and comments, and leaves out what holds nothing but comments. open
// means that the last statement is not ended by a semicolon.
func splitSQL(text string) (statements []string, open bool) {
	begin, code := 0, false
	for i := 0; i < len(text); {
		n, kind := token(text[i:])
		switch kind {
		case tokenEnd:
			if code {
				statements = append(statements, strings.TrimSpace(text[begin:i]))
			}
			begin, code = i+n, false
		case tokenCode:
			code = true
		case tokenBlank:
		}
		i += n
	}
	if code {
		statements = append(statements, strings.TrimSpace(text[begin:]))
	}
	return statements, code
}

type tokenKind uint8

const (
	tokenBlank tokenKind = iota // space, comment
	tokenCode
	tokenEnd // the semicolon
)

// token is the next piece of SQL: a semicolon, a comment, a quoted string, or one character.
func token(s string) (length int, kind tokenKind) {
	switch c := s[0]; {
	case c == ';':
		return 1, tokenEnd
	case strings.HasPrefix(s, "--"), strings.HasPrefix(s, "#!"), strings.HasPrefix(s, "# "):
		return until(s, 2, "\n"), tokenBlank
	case strings.HasPrefix(s, "/*"):
		return until(s, 2, "*/"), tokenBlank
	case c == '\'' || c == '"' || c == '`':
		return quoted(s), tokenCode
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		return 1, tokenBlank
	}
	return 1, tokenCode
}

// until is the length up to and with the mark, or all of s.
func until(s string, from int, mark string) int {
	if i := strings.Index(s[from:], mark); i >= 0 {
		return from + i + len(mark)
	}
	return len(s)
}

// quoted is the length of the quoted string that s begins with. A doubled quote reads as two strings, which is as well.
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
