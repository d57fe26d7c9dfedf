package worldmap

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/darkmap/darkmap/serve/worldmap/geometry"
)

//go:generate go run ./make

//go:embed world.json
var world []byte

// Point is a place in the drawing: x to the right, y downwards, in tenths of a pixel of a map that
// is 1,000 pixels wide.
type Point [2]int

// Map is a drawing of the world.
type Map struct {
	// Frame places the world in the drawing.
	Frame geometry.Frame `json:"frame"`
	// Countries are sorted by code. Each code is there once.
	Countries []Country `json:"countries"`
	// Areas are the disputed areas. They are above the countries' shapes.
	Areas []Area `json:"areas"`
	// Borders are the disputed borders.
	Borders []Border `json:"borders"`
}

// Country is a shape, a dot, or both.
type Country struct {
	// Code is a code of ISO 3166-1 alpha-2, or XK.
	Code string `json:"code"`
	// Path is SVG path data. It is empty if the shape is too small to be drawn.
	Path string `json:"path,omitempty"`
	// Dot is the centre of the dot of a country without a shape of 12 square pixels. Dots of
	// neighbours are moved apart.
	Dot *Point `json:"dot,omitempty"`
	// At is a place at which the country can be hit: the dot's centre, or a point of the shape away
	// from its edge and from dots.
	At Point `json:"at"`
	// Disputed means that some states do not recognise it.
	Disputed bool `json:"disputed,omitempty"`
}

// Area is a disputed area.
type Area struct {
	Name string `json:"name"`
	// Code is the country whose colour it has, empty for none.
	Code string `json:"code,omitempty"`
	Path string `json:"path"`
}

// Border is a disputed border, or a part of one.
type Border struct {
	// Codes are the codes of the countries on both sides. They are equal if the area beyond has no
	// code of its own.
	Codes [2]string `json:"codes"`
	Path  string    `json:"path"`
}

// World returns the map that comes with darkmap.
var World = sync.OnceValue(func() *Map {
	var m Map
	if err := json.Unmarshal(world, &m); err != nil {
		panic(fmt.Sprintf("reading the embedded world map: %v", err)) // a test reads it
	}
	return &m
})

// Country returns the country with a code.
func (m *Map) Country(code string) (Country, bool) {
	i, found := slices.BinarySearchFunc(m.Countries, code, func(c Country, code string) int {
		return strings.Compare(c.Code, code)
	})
	if !found {
		return Country{}, false
	}
	return m.Countries[i], true
}

// ViewBox returns the value of the SVG attribute.
func (m *Map) ViewBox() string { return fmt.Sprintf("0 0 %d %d", geometry.Width, m.Frame.Height) }

// Encode writes a map in the format that World reads: JSON with one country, area or border on each
// line.
func (m *Map) Encode() ([]byte, error) {
	frame, err := json.Marshal(m.Frame)
	if err != nil {
		return nil, fmt.Errorf("writing the frame: %w", err)
	}
	b := bytes.NewBufferString(`{"frame":` + string(frame))
	for _, list := range []struct {
		name  string
		lines func() ([]string, error)
	}{
		{"countries", func() ([]string, error) { return lines(m.Countries) }},
		{"areas", func() ([]string, error) { return lines(m.Areas) }},
		{"borders", func() ([]string, error) { return lines(m.Borders) }},
	} {
		all, err := list.lines()
		if err != nil {
			return nil, fmt.Errorf("writing the %s: %w", list.name, err)
		}
		fmt.Fprintf(b, ",\n%q:[\n%s\n]", list.name, strings.Join(all, ",\n"))
	}
	b.WriteString("}\n")
	return b.Bytes(), nil
}

func lines[T any](values []T) ([]string, error) {
	var out []string
	for _, v := range values {
		line, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		out = append(out, string(line))
	}
	return out, nil
}
