package text

import (
	"strings"

	"github.com/darkmap/darkmap/internal/plaintext"
)

// MailHeader turns a text into the value of a mail header: one line without an encoded word (RFC
// 2047 §2). The library that writes the mail encodes characters that are not ASCII.
func MailHeader(s string) string {
	return strings.ReplaceAll(plaintext.Clean(s), "=?", "= ?")
}

// XML removes the characters that XML 1.0 (§2.2) does not have, and octets that are not UTF-8.
// encoding/xml escapes the rest; without XML it would write U+FFFD for each of the removed ones.
func XML(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\ufffe' || r == '\uffff' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
