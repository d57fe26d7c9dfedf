package config

import (
	"fmt"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits are the allowed values of a field, from its tags. Numbers and durations, the length of a
// text in characters and of a list in entries lie between `min` and `max`. Durations are multiples
// of `step`. A text, or each of a list, is one of the words in `oneof`, which spaces separate, and
// has the `form` (forms); an empty text must satisfy `min` alone. `want` names a rule that the
// section's Faults check.
type Limits struct {
	kind           reflect.Type
	min, max, step int64
	hasMin, hasMax bool
	oneOf          []string
	form, want     string
}

// forms are the checks of the forms of a text, by the name of the form, which messages use too.
var forms = map[string]func(string) bool{
	"host:port":              isAddress,
	"a URL of http or https": func(s string) bool { return hasScheme(s, "http", "https") },
	"a URL of ws or wss":     func(s string) bool { return hasScheme(s, "ws", "wss") },
}

func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return err == nil
}

func hasScheme(s string, schemes ...string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && slices.Contains(schemes, u.Scheme)
}

// limitsOf reads the tags of a field. It panics on a tag that it cannot read.
func limitsOf(f reflect.StructField) Limits {
	l := Limits{
		kind: f.Type, form: f.Tag.Get("form"), want: f.Tag.Get("want"),
		oneOf: strings.Fields(f.Tag.Get("oneof")),
	}
	l.min, l.hasMin = number(f, "min")
	l.max, l.hasMax = number(f, "max")
	l.step, _ = number(f, "step")
	if _, known := forms[l.form]; l.form != "" && !known {
		panic("config: unknown form in the tags of " + f.Name)
	}
	return l
}

// number reads a tag as a duration, in nanoseconds, or as a whole number.
func number(f reflect.StructField, tag string) (int64, bool) {
	s, ok := f.Tag.Lookup(tag)
	if !ok {
		return 0, false
	}
	if isDuration(f.Type) {
		d, err := time.ParseDuration(s)
		if err != nil {
			panic("config: the tag " + tag + " of " + f.Name + ": " + err.Error())
		}
		return int64(d), true
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic("config: the tag " + tag + " of " + f.Name + ": " + err.Error())
	}
	return n, true
}

func isDuration(t reflect.Type) bool {
	return t == reflect.TypeFor[time.Duration]() || t == reflect.TypeFor[DurationOrOff]() ||
		t == reflect.TypeFor[DurationOrZero]()
}

// allow reports whether v is within the limits, except for want.
func (l Limits) allow(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice:
		return l.within(int64(v.Len()))
	case reflect.String:
		return l.within(int64(len([]rune(v.String())))) && (v.Len() == 0 || l.fits(v.String()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if _, ok := reflect.TypeAssert[worded](v); ok && v.IsZero() {
			return true
		}
		return l.within(v.Int()) && (l.step == 0 || v.Int()%l.step == 0)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return l.within(int64(v.Uint()))
	default:
		return true
	}
}

// within reports whether n is between min and max.
func (l Limits) within(n int64) bool {
	return (!l.hasMin || n >= l.min) && (!l.hasMax || n <= l.max)
}

// fits reports whether a text is one of the allowed ones, in the wanted form.
func (l Limits) fits(s string) bool {
	return (len(l.oneOf) == 0 || slices.Contains(l.oneOf, s)) && (l.form == "" || forms[l.form](s))
}

// String describes the allowed values; empty if the type alone limits them.
func (l Limits) String() string {
	var parts []string
	if s := l.bounds(); s != "" {
		parts = append(parts, s)
	}
	if l.step != 0 {
		parts = append(parts, map[time.Duration]string{
			time.Minute: "whole minutes", time.Second: "whole seconds",
		}[time.Duration(l.step)])
	}
	if n := len(l.oneOf); n > 1 {
		parts = append(parts, strings.Join(l.oneOf[:n-1], ", ")+" or "+l.oneOf[n-1])
	}
	for _, s := range []string{l.form, l.want} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if w, ok := reflect.TypeAssert[worded](reflect.Zero(l.kind)); ok && len(parts) > 0 {
		return strings.Join(parts, ", ") + ", or " + w.word()
	}
	return strings.Join(parts, ", ")
}

// bounds describes the range from min to max.
func (l Limits) bounds() string {
	show, unit, one := func(n int64) string { return strconv.FormatInt(n, 10) }, "", ""
	switch {
	case isDuration(l.kind):
		show = func(n int64) string { return Duration(time.Duration(n)) }
	case l.kind.Kind() == reflect.Slice:
		unit, one = " entries", "at least one entry"
	case l.kind.Kind() == reflect.String:
		unit, one = " characters", "some text"
	}
	switch {
	case l.hasMin && l.hasMax:
		return show(l.min) + " to " + show(l.max) + unit
	case l.hasMax:
		return "at most " + show(l.max) + unit
	case l.hasMin && l.min == 1 && one != "":
		if len(l.oneOf) > 0 || l.form != "" || l.want != "" {
			return ""
		}
		return one
	case l.hasMin:
		return "at least " + show(l.min) + unit
	}
	return ""
}

// check returns the faults of the value of key.
func (l Limits) check(key string, v reflect.Value) []Fault {
	if !l.allow(v) {
		return []Fault{{key, v.Interface(), l.String()}}
	}
	if v.Kind() != reflect.Slice || v.Type().Elem().Kind() != reflect.String {
		return nil
	}
	var faults []Fault
	for i := range v.Len() {
		if e := v.Index(i).String(); e == "" || !l.fits(e) {
			faults = append(faults, Fault{fmt.Sprintf("%s[%d]", key, i), e, l.entry()})
		}
	}
	return faults
}

// entry describes the allowed values of a list's entry.
func (l Limits) entry() string {
	l.hasMin, l.hasMax = false, false
	if s := l.String(); s != "" {
		return s
	}
	return "some text"
}
