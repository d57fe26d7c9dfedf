package worldmap

import "github.com/paulmach/orb"

// pieces lists parts of a state that have a code of their own, although Natural Earth and others
// draw them into the state's shape: the polygons whose middle is within bounds.
var pieces = []struct {
	state, code string
	bounds      orb.Bound
}{
	{"FR", "GF", orb.Bound{Min: orb.Point{-55, 2}, Max: orb.Point{-51, 6}}},
	{"FR", "GP", orb.Bound{Min: orb.Point{-62, 15.8}, Max: orb.Point{-60.9, 16.6}}},
	{"FR", "MQ", orb.Bound{Min: orb.Point{-61.3, 14.3}, Max: orb.Point{-60.7, 15}}},
	{"FR", "RE", orb.Bound{Min: orb.Point{55, -21.5}, Max: orb.Point{56, -20.7}}},
	{"FR", "YT", orb.Bound{Min: orb.Point{44.9, -13.1}, Max: orb.Point{45.4, -12.6}}},
	{"NO", "SJ", orb.Bound{Min: orb.Point{-10, 70}, Max: orb.Point{-7, 72}}}, // Jan Mayen
	{"NO", "SJ", orb.Bound{Min: orb.Point{10, 74}, Max: orb.Point{36, 82}}},  // Svalbard
	{"NO", "BV", orb.Bound{Min: orb.Point{3, -55}, Max: orb.Point{4, -54}}},
	{"NL", "BQ", orb.Bound{Min: orb.Point{-69, 12}, Max: orb.Point{-62, 18}}},
	{"NZ", "TK", orb.Bound{Min: orb.Point{-173, -10}, Max: orb.Point{-171, -8}}},
	{"AU", "CX", orb.Bound{Min: orb.Point{105, -11}, Max: orb.Point{106, -10}}},
	{"AU", "CC", orb.Bound{Min: orb.Point{96, -13}, Max: orb.Point{97.5, -12}}},
}

// PieceOf returns the code of ISO 3166-1 for a polygon of a state's shape, in degrees. It is mostly
// the state's code.
func PieceOf(state string, polygon orb.Polygon) string {
	for _, p := range pieces {
		if p.state == state && p.bounds.Contains(polygon.Bound().Center()) {
			return p.code
		}
	}
	return state
}
