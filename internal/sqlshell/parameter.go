package sqlshell

import (
	"regexp"
	"strings"
)

// Parameter writes the value of {name:Type} in a statement as the server reads it, so that it stands for itself. Lists, maps and tuples
// are written as in SQL.
func Parameter(sql, name, value string) string {
	if regexp.MustCompile(`\{\s*` + regexp.QuoteMeta(name) + `\s*:\s*(Array|Map|Tuple)\b`).MatchString(sql) {
		return value
	}
	return strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`).Replace(value)
}
