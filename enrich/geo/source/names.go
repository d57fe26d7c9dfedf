package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
)

// isNames recognises rows of AS number and name.
func isNames(lines [][]byte) bool {
	return most(lines, func(line []byte) bool {
		number, name := cutName(line)
		_, ok := asNumber(number)
		return ok && len(name) > 0
	})
}

func cutName(line []byte) (number, name []byte) {
	i := bytes.IndexAny(line, "\t, ")
	if i < 0 {
		return line, nil
	}
	return line[:i], bytes.TrimLeft(line[i+1:], "\t ")
}

func readNames(in *input, info *Info, v Visitor) error {
	if head, _ := in.text.Peek(1); len(head) == 1 && head[0] == '{' {
		return readJSONNames(in, info, v)
	}
	return readLines(in, info, func(line []byte) (bool, error) {
		number, name := cutName(line)
		asn, ok := asNumber(number)
		if !ok {
			return false, nil
		}
		return true, v.visitAS(parseName(asn, cleanName(name)))
	})
}

// readJSONNames reads {"64496": "NAME Organisation, CC", ...} token by token.
func readJSONNames(in *input, info *Info, v Visitor) error {
	d := json.NewDecoder(in.text)
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("%w: reading names: %w", ErrDamaged, err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fmt.Errorf("%w: reading names: %w", ErrDamaged, err)
		}
		value, err := d.Token()
		if err != nil {
			return fmt.Errorf("%w: reading names: %w", ErrDamaged, err)
		}
		number, _ := key.(string)
		name, isText := value.(string)
		asn, ok := asNumber([]byte(number))
		switch {
		case !isText:
			return fmt.Errorf("reading names: %q has no text: %w", cleanName([]byte(number)), ErrUnrecognised)
		case !ok:
			info.Skipped++
			continue
		}
		if info.Rows++; info.Rows > MaxRows {
			return fmt.Errorf("more than %d rows: %w", MaxRows, ErrTooLarge)
		}
		if err := v.visitAS(parseName(asn, cleanName([]byte(name)))); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("%w: reading names: %w", ErrDamaged, err)
	}
	return nil
}

// parseName parses the registries' usual notation: NAME, NAME Organisation or NAME - Organisation,
// each with or without a country at the end: "STAR-KP Ryugyong-dong, KP".
func parseName(asn bgp.ASN, s string) AS {
	a := AS{First: asn, Last: asn}
	if i := strings.LastIndex(s, ", "); i >= 0 && len(s) == i+4 && isLetters([]byte(s[i+2:])) {
		a.Country = countryCode([]byte(s[i+2:]))
		s = strings.TrimSpace(s[:i])
	}
	short, long, ok := strings.Cut(s, " ")
	switch {
	case !ok:
		a.Name = s
	case short != strings.ToUpper(short):
		a.Name, a.Organisation = s, s // a sentence, not a handle
	default:
		a.Name, a.Organisation = short, strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(long), "- "))
	}
	return a
}
