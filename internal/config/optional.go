package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// The words in YAML for the zero values of the types below.
const (
	off  = "off"
	auto = "auto"
)

// DurationOrOff is a duration that can be switched off. Off is 0 in Go and `off` in YAML, where a
// written 0 is refused.
type DurationOrOff time.Duration

// DurationOrZero is a duration that may be 0. YAML may write 0 without a unit.
type DurationOrZero time.Duration

// CountOrOff is a whole number that can be switched off. Off is 0 in Go and `off` in YAML, where a
// written 0 is refused.
type CountOrOff int

// CountOrAuto is a whole number that the program can choose. Auto is 0 in Go and `auto` in YAML,
// where a written 0 is refused.
type CountOrAuto int

// worded is a type whose zero value is a word in YAML.
type worded interface{ word() string }

func (DurationOrOff) word() string { return off }
func (CountOrOff) word() string    { return off }
func (CountOrAuto) word() string   { return auto }

// String returns off or the duration.
func (d DurationOrOff) String() string {
	if d == 0 {
		return off
	}
	return Duration(time.Duration(d))
}

// String returns the duration.
func (d DurationOrZero) String() string { return Duration(time.Duration(d)) }

// String returns off or the number.
func (c CountOrOff) String() string {
	if c == 0 {
		return off
	}
	return strconv.Itoa(int(c))
}

// String returns auto or the number.
func (c CountOrAuto) String() string {
	if c == 0 {
		return auto
	}
	return strconv.Itoa(int(c))
}

// UnmarshalYAML reads off or a duration.
func (d *DurationOrOff) UnmarshalYAML(n *yaml.Node) error {
	return decodeWorded(n, d, func() (err error) {
		var v time.Duration
		err = n.Decode(&v)
		*d = DurationOrOff(v)
		return err
	})
}

// UnmarshalYAML reads a duration, or 0.
func (d *DurationOrZero) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && n.Value == "0" {
		*d = 0
		return nil
	}
	if err := n.Decode((*time.Duration)(d)); err != nil {
		return &yaml.TypeError{Errors: []string{mismatch(n, reflect.TypeFor[DurationOrZero]())}}
	}
	return nil
}

// UnmarshalYAML reads off or a whole number.
func (c *CountOrOff) UnmarshalYAML(n *yaml.Node) error {
	return decodeWorded(n, c, func() error { return n.Decode((*int)(c)) })
}

// UnmarshalYAML reads auto or a whole number.
func (c *CountOrAuto) UnmarshalYAML(n *yaml.Node) error {
	return decodeWorded(n, c, func() error { return n.Decode((*int)(c)) })
}

// decodeWorded decodes a node into dst, a pointer to a worded type: its word as zero, any other
// value with number. A zero that is not the word is an error of type.
func decodeWorded(n *yaml.Node, dst worded, number func() error) error {
	v := reflect.ValueOf(dst).Elem()
	if n.Kind == yaml.ScalarNode && n.Value == dst.word() {
		v.SetZero()
		return nil
	}
	before := v.Int()
	if err := number(); err != nil || v.IsZero() {
		v.SetInt(before)
		return &yaml.TypeError{Errors: []string{mismatch(n, v.Type())}}
	}
	return nil
}

// MarshalYAML writes off or the duration.
func (d DurationOrOff) MarshalYAML() (any, error) { return plainNode(d.String()), nil }

// MarshalYAML writes the duration.
func (d DurationOrZero) MarshalYAML() (any, error) { return plainNode(d.String()), nil }

// MarshalYAML writes off or the number.
func (c CountOrOff) MarshalYAML() (any, error) { return plainNode(c.String()), nil }

// MarshalYAML writes auto or the number.
func (c CountOrAuto) MarshalYAML() (any, error) { return plainNode(c.String()), nil }

// plainNode returns a scalar without quotes. YAML 1.1 would read a bare off as false; YAML 1.2 and
// this package do not.
func plainNode(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

// Duration writes a duration without zero parts at its end: 5m, not 5m0s.
func Duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// mismatch returns yaml's message on a node that does not fit a type.
func mismatch(n *yaml.Node, t reflect.Type) string {
	value := ""
	if n.Kind == yaml.ScalarNode {
		value = n.Value
		if len(value) > 10 { // yaml shortens values like this
			value = value[:7] + "..."
		}
		value = " `" + value + "`"
	}
	return fmt.Sprintf("line %d: cannot unmarshal %s%s into %s", n.Line, n.ShortTag(), value, t)
}
