package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/paulmach/orb"

	"github.com/darkmap/darkmap/serve/worldmap"
	"github.com/darkmap/darkmap/serve/worldmap/geometry"
)

// errNoBorder means that two countries of the table have no common border within their box.
var errNoBorder = errors.New("they have no common border there")

// borders draws the disputed borders: the arcs that two shapes share.
func (a *atlas) borders() ([]worldmap.Border, error) {
	arcs := map[string]map[int]bool{}
	codes := map[string]string{}
	for _, g := range a.medium.geometries {
		code, err := codeOf(g)
		if err != nil {
			return nil, err
		}
		codes[g.name] = code
		arcs[g.name] = map[int]bool{}
		for _, rings := range g.polygons {
			for _, n := range slices.Concat(rings...) {
				arcs[g.name][max(n, ^n)] = true
			}
		}
	}
	var out []worldmap.Border
	for _, b := range borders {
		var lines []orb.LineString
		if b.line != nil {
			lines = append(lines, a.frame.Line(b.line))
		}
		for n := range a.arcs {
			if b.line == nil && arcs[b.a][n] && arcs[b.b][n] {
				lines = append(lines, a.inBox(n, b.box)...)
			}
		}
		if len(lines) == 0 {
			return nil, fmt.Errorf("%s and %s: %w", b.a, b.b, errNoBorder)
		}
		out = append(out, worldmap.Border{Codes: [2]string{codes[b.a], codes[b.b]}, Path: geometry.LinePath(lines)})
	}
	return out, nil
}

// inBox returns the parts of an arc within a box, projected and simplified. A zero box holds all.
func (a *atlas) inBox(n int, limits [4]float64) []orb.LineString {
	if limits == ([4]float64{}) {
		return []orb.LineString{a.arcs[n]}
	}
	var out []orb.LineString
	var run orb.LineString
	add := func() {
		if len(run) > 1 {
			out = append(out, geometry.Simplify(a.frame.Line(run)))
		}
		run = nil
	}
	for _, p := range a.medium.arcs[n] {
		if box(limits).Contains(p) {
			run = append(run, p)
			continue
		}
		add()
	}
	add()
	return out
}
