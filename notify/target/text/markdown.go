package text

import "strings"

// Markdown escapes a text for Markdown (CommonMark 0.31 §2.4, and what GitHub, Mattermost and others add): nothing in it is markup, a link,
// an emoji or a table. @ and # get a space behind them, as in Fediverse, because a backslash does not keep all programs from calling @channel.
func Markdown(s string) string {
	lines := strings.Split(lineEnds.Replace(s), "\n")
	for i, line := range lines {
		lines[i] = markdownLine(line)
	}
	return strings.Join(lines, "\n")
}

// lineEnds are those of CommonMark (§2.1).
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// markdownLine escapes characters that are markup everywhere, and those that are markup at the beginning of a line.
func markdownLine(s string) string {
	body := strings.TrimLeft(s, " \t") // four blanks would begin a block of code
	switch digits := strings.TrimLeft(body, "0123456789"); {
	case body == "":
		return ""
	case strings.ContainsAny(body[:1], "-+="):
		return "\\" + body[:1] + calm(escapeAny(body[1:], inline))
	case len(digits) < len(body) && strings.HasPrefix(digits, "."):
		return body[:len(body)-len(digits)] + "\\." + calm(escapeAny(digits[1:], inline))
	}
	return calm(escapeAny(body, inline))
}

// inline is what begins or ends markup within a line.
const inline = "\\`*_{}[]()<>#!|~&$:^"

// escapeAny puts a backslash before each of the characters.
func escapeAny(s, characters string) string {
	if !strings.ContainsAny(s, characters) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(characters, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
