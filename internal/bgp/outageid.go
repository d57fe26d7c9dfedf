package bgp

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// OutageID returns the id of an outage whose first published start is in the minute of start, such
// as country-KP-ipv4-20141222T1615Z. Different arguments give different ids. An id needs no
// escaping in the path of a URL. The year of start is at most 9999.
func OutageID(t EntityType, code string, f Family, start time.Time) string {
	return t.String() + "-" + escapeCode(t, code) + "-" + f.String() + "-" + start.UTC().Format("20060102T1504Z")
}

// ParseOutageID is the inverse of OutageID.
func ParseOutageID(id string) (t EntityType, code string, f Family, start time.Time, err error) {
	kind, rest, _ := strings.Cut(id, "-") // the type and the last two parts hold no hyphen
	rest, minute, _ := cutLast(rest, "-")
	rest, family, _ := cutLast(rest, "-")
	if err := t.UnmarshalText([]byte(kind)); err != nil {
		return 0, "", 0, time.Time{}, err
	}
	i := slices.IndexFunc(Families[:], func(f Family) bool { return f.String() == family })
	if i < 0 {
		return 0, "", 0, time.Time{}, fmt.Errorf("%q is no family", family)
	}
	if start, err = time.Parse("20060102T1504Z", minute); err != nil {
		return 0, "", 0, time.Time{}, err
	}
	if network, bits, ok := cutLast(rest, "_"); ok {
		return t, strings.ReplaceAll(network, "_", ":") + "/" + bits, Families[i], start, nil
	}
	code, err = unescapeCode(rest)
	return t, code, Families[i], start, err
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// unescapeCode is the inverse of escapeCode for codes without a _.
func unescapeCode(s string) (string, error) {
	var b strings.Builder
	for s != "" {
		before, after, found := strings.Cut(s, "~")
		b.WriteString(before)
		if !found {
			break
		}
		if len(after) < 2 {
			return "", fmt.Errorf("an escape of %d digits", len(after))
		}
		octet, err := hex.DecodeString(after[:2])
		if err != nil {
			return "", err
		}
		b.Write(octet)
		s = after[2:]
	}
	return b.String(), nil
}

// escapeCode writes a code with the letters, digits and . - _ ~ of ASCII. In a prefix, / and :
// become _; the last _ is the /. In any other code, each octet except A-Z, a-z, 0-9, . and -
// becomes ~ and two hex digits, so the result has no _.
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
