package text

import "strings"

// Markdown escapes a text for Markdown (CommonMark 0.31 §2.4, and the additions of GitHub,
// Mattermost and others): it contains no markup, link, emoji or table afterwards. It adds a space
// after @ and #, as Fediverse does, because a backslash does not stop all programs from mentioning
// @channel.
func Markdown(s string) string {
	lines := strings.Split(lineEnds.Replace(s), "\n")
	for i, line := range lines {
		lines[i] = markdownLine(line)
	}
	return strings.Join(lines, "\n")
}

// lineEnds replaces the line ends of CommonMark (§2.1).
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// markdownLine escapes characters that are markup everywhere, and those that are markup at the
// start of a line.
func markdownLine(s string) string {
	body := strings.TrimLeft(s, " \t") // four spaces would begin a code block
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

// inline lists the characters that begin or end markup within a line.
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
