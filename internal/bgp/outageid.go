package bgp

import (
	"net/netip"
	"strings"
	"time"
)

// OutageID is the id of an outage whose first published start is in that minute:
// country-KP-ipv4-20141222T1615Z. Different arguments have different ids. An id needs no escape in a
// URL's path. The year of start is at most 9999.
func OutageID(t EntityType, code string, f Family, start time.Time) string {
	return t.String() + "-" + escapeCode(t, code) + "-" + f.String() + "-" + start.UTC().Format("20060102T1504Z")
}

// escapeCode writes a code with the letters, digits and . - _ ~ of ASCII. A prefix has _ for / and
// for :, of which the last one is the /. In any other code each octet but A-Z, a-z, 0-9, . and -
// becomes ~ and two hex digits; so it has no _.
func escapeCode(t EntityType, code string) string {
	if p, err := netip.ParsePrefix(code); t == EntityPrefix && err == nil && p.String() == code {
		return strings.NewReplacer("/", "_", ":", "_").Replace(code)
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(code) {
		switch c := code[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', isDigit(c), c == '.', c == '-':
			b.WriteByte(c)
		default:
			b.Write([]byte{'~', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
