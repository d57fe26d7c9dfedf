package sqlshell

import (
	"regexp"
	"strings"
)

// Parameter returns the value of {name:Type} in a statement in the form that the server reads: it
// escapes text so that the server reads it unchanged. Lists, maps and tuples are written as in SQL.
func Parameter(sql, name, value string) string {
	if regexp.MustCompile(`\{\s*` + regexp.QuoteMeta(name) + `\s*:\s*(Array|Map|Tuple)\b`).MatchString(sql) {
		return value
	}
	return strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`).Replace(value)
}
