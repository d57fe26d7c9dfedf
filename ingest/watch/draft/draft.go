package draft

import (
	"cmp"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
)

// List is a draft of a watch list.
type List struct {
	Name, Title, Home string
	// Prefixes are sorted when written.
	Prefixes  []Prefix
	ASNs      []AS
	Countries []string
}

// Prefix is a prefix of a list, its expected origins (empty: any) and its description.
type Prefix struct {
	Prefix  netip.Prefix
	Origins []bgp.ASN
	Note    string
}

// AS is a network of a list.
type AS struct {
	ASN  bgp.ASN
	Note string
}

// maxNote bounds a comment, in characters.
const maxNote = 80

// Write writes lists in the form of the section watch.
func Write(w io.Writer, lists []List) error {
	var b strings.Builder
	b.WriteString("watch:\n")
	for _, l := range lists {
		l.write(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (l List) write(b *strings.Builder) {
	b.WriteString("  - name: " + l.Name + "\n")
	if l.Title != "" {
		b.WriteString("    title: " + strconv.QuoteToASCII(note(l.Title)) + "\n")
	}
	if l.Home != "" {
		b.WriteString("    home: " + l.Home + "\n")
	}
	item := func(text, about string) {
		b.WriteString("      - " + text)
		if about = note(about); about != "" {
			b.WriteString(" # " + about)
		}
		b.WriteString("\n")
	}
	prefixes := slices.SortedFunc(slices.Values(l.Prefixes), func(a, b Prefix) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()))
	})
	if len(prefixes) > 0 {
		b.WriteString("    prefixes:\n")
	}
	for _, p := range prefixes {
		item(p.Prefix.String(), p.Note)
	}
	if len(l.ASNs) > 0 {
		b.WriteString("    asns:\n")
	}
	for _, a := range l.ASNs {
		item(strconv.FormatUint(uint64(a.ASN), 10), a.Note)
	}
	if len(l.Countries) > 0 {
		b.WriteString("    countries: [" + strings.Join(l.Countries, ", ") + "]\n")
	}
	l.writeOrigins(b, prefixes)
}

// writeOrigins writes the ASes that may originate the prefixes.
func (l List) writeOrigins(b *strings.Builder, prefixes []Prefix) {
	begun := false
	for _, p := range prefixes {
		if len(p.Origins) == 0 {
			continue
		}
		if !begun {
			b.WriteString("    origins: # who may originate a prefix and what is more specific\n")
			begun = true
		}
		var all []string
		for _, o := range p.Origins {
			all = append(all, strconv.FormatUint(uint64(o), 10))
		}
		b.WriteString("      " + p.Prefix.String() + ": [" + strings.Join(all, ", ") + "]\n")
	}
}

// note makes a text from another source safe for a comment.
func note(s string) string {
	s = strings.Join(strings.Fields(plaintext.Clean(s)), " ")
	if r := []rune(s); len(r) > maxNote {
		return string(r[:maxNote]) + "…"
	}
	return s
}

// ListName builds a list's name from any text. If no allowed character is left, it returns other.
func ListName(text, other string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, text)
	name = strings.Trim(name, "-")
	return cmp.Or(strings.Trim(name[:min(len(name), 64)], "-"), other)
}

// Seen collects prefixes and the ASes that originate them.
type Seen map[netip.Prefix]map[bgp.ASN]bool

// Add records that ASes originate a prefix.
func (s Seen) Add(p netip.Prefix, origins ...bgp.ASN) {
	if s[p] == nil {
		s[p] = map[bgp.ASN]bool{}
	}
	for _, o := range origins {
		if o != 0 {
			s[p][o] = true
		}
	}
}

// Prefixes returns the collected prefixes. All ASes that originated one are its expected origins.
func (s Seen) Prefixes() []Prefix {
	var all []Prefix
	for p, origins := range s {
		all = append(all, Prefix{Prefix: p, Origins: slices.Sorted(maps.Keys(origins))})
	}
	return all
}
