package page

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
)

// The forms of times: in a link, in a sentence, and with seconds.
const (
	minuteForm = "2006-01-02T15:04Z"
	clockForm  = "2006-01-02 15:04 UTC"
	secondForm = "2006-01-02 15:04:05 UTC"
)

// clock formats a time to the minute.
func clock(t time.Time) string { return t.UTC().Format(clockForm) }

// moment formats a time to the minute as an element that programs can read.
func moment(t time.Time) template.HTML { return timeElement(t, clockForm) }

// second is moment to the second.
func second(t time.Time) template.HTML { return timeElement(t, secondForm) }

// secondOf is second without the date if the day is that of another time.
func secondOf(t, day time.Time) template.HTML {
	if t.UTC().Truncate(24 * time.Hour).Equal(day.UTC().Truncate(24 * time.Hour)) {
		return timeElement(t, time.TimeOnly)
	}
	return timeElement(t, time.DateTime)
}

func timeElement(t time.Time, form string) template.HTML {
	if t.IsZero() {
		return "unknown"
	}
	t = t.UTC()
	element := `<time datetime="` + t.Format(time.RFC3339) + `">` + t.Format(form) + `</time>`
	return template.HTML(element) //nolint:gosec // digits and letters of a time
}

// number formats a whole number with a thin space between groups of three digits.
func number[N ~int | ~int64](n N) string {
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, d := range digits {
		if left := len(digits) - i; i > 0 && left%3 == 0 && digits[i-1] != '-' {
			b.WriteString("\u202f")
		}
		b.WriteRune(d)
	}
	return b.String()
}

// percent formats a share with its sign: 99.5 %.
func percent(d bgp.Decimal) string { return d.String() + "\u00a0%" }

// unit returns the unit of a family's space.
func unit(f bgp.Family) string {
	if f == bgp.IPv6 {
		return "/48s"
	}
	return "/24s"
}

// unitMeaning explains the unit.
func unitMeaning(f bgp.Family) string {
	if f == bgp.IPv6 {
		return "in /48s, blocks of 65\u202f536 subnets"
	}
	return "in /24s, blocks of 256 addresses"
}

// space formats an amount of address space: 4 /24s.
func space(d bgp.Decimal, f bgp.Family) string {
	text := d.String()
	if d%100 == 0 {
		text = number(int64(d / 100))
	}
	return text + "\u00a0" + unit(f)
}

// entityName returns the name of an entity for people: North Korea, AS131279 Star JV, 192.0.2.0/24.
func entityName(e bgp.Entity) string {
	name := plaintext.Clean(e.Name)
	switch {
	case e.Type == bgp.EntityWorld:
		return "The world"
	case name == "" && e.Type == bgp.EntityCountry:
		if known := bgp.CountryName(e.Code); known != "" {
			return known
		}
		return e.Code
	case name == "" || name == e.Code:
		return e.Code
	case e.Type == bgp.EntityAS:
		return e.Code + " " + name
	case e.Type == bgp.EntityRegion:
		return name + " (" + e.Code + ")"
	}
	return name
}

// kindOfEntity returns the noun of an entity's type, for people.
func kindOfEntity(t bgp.EntityType) string {
	switch t {
	case bgp.EntityAS:
		return "network"
	case bgp.EntityWatch:
		return "watch list"
	case bgp.EntityPrefix, bgp.EntityCountry, bgp.EntityRegion, bgp.EntityWorld:
	}
	return t.String()
}

// listed joins words: a, b and c.
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// asText formats an AS number and its name.
func asText(a bgp.AS) string {
	if a.Name == "" {
		return a.ASN.String()
	}
	return a.ASN.String() + " " + plaintext.Clean(a.Name)
}

// familyTitle returns IPv4 or IPv6.
func familyTitle(name string) string {
	if f, ok := bgp.FamilyNamed(name); ok {
		return f.Title()
	}
	return name
}
