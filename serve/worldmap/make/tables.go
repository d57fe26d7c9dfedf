package main

import (
	"fmt"
	"strconv"

	"github.com/paulmach/orb"
	"golang.org/x/text/language"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve/worldmap"
)

// named holds the countries of Natural Earth without a number of ISO 3166-1, and the code with
// which their shape is drawn. An empty code marks a disputed area without a country's colour.
var named = map[string]string{
	"Kosovo":          "XK",
	"Somaliland":      "SO",
	"N. Cyprus":       "CY",
	"Siachen Glacier": "",
	// worldmap.PieceOf takes Christmas Island and the Cocos Islands out of it.
	"Indian Ocean Ter.": "AU",
}

// unneeded lists shapes of the detailed file without a number. The detailed file is used only for
// codes that are not in the medium one.
var unneeded = map[string]bool{
	"Dhekelia": true, "Akrotiri": true, "USNB Guantanamo Bay": true,
	"Cyprus U.N. Buffer Zone": true, "Baikonur": true, "Coral Sea Is.": true,
	"Spratly Is.": true, "Clipperton I.": true, "Bajo Nuevo Bank": true, "Serranilla Bank": true,
	"Scarborough Reef": true,
}

// heldAreas lists disputed areas within the shape of the state that holds them. An area is the
// polygons whose middle is in a box (west, south, east, north). code is the code under which ISO
// 3166 has the area.
var heldAreas = []struct {
	state string
	box   [4]float64
	code  string
	name  string
}{
	{"RU", [4]float64{32, 44, 37, 46.5}, "UA", "Crimea"},
	{"RU", [4]float64{145.2, 43.2, 149.2, 45.7}, "RU", "Kuril Islands"},
}

// cuts lists disputed areas that Natural Earth draws into the shape of the state that holds them,
// and whose border is a parallel. The area is the part south of the parallel. Morocco holds the
// west of Western Sahara, up to the berm; the rest has a shape of its own.
var cuts = []struct {
	state    string
	latitude float64
	code     string
	name     string
}{
	{"MA", 27 + 40.0/60, "EH", "Western Sahara"},
}

// wholly holds disputed shapes that Natural Earth draws by themselves, by Natural Earth's name.
var wholly = map[string]string{
	"Kosovo": "Kosovo", "Somaliland": "Somaliland", "N. Cyprus": "Northern Cyprus",
	"W. Sahara": "Western Sahara",
	"Palestine": "Palestine", "Siachen Glacier": "Siachen Glacier", "Falkland Is.": "Falkland Islands",
}

// border is a disputed border between two of Natural Earth's names, within a box (west, south,
// east, north), or everywhere if the box is zero.
type border struct {
	a, b string
	box  [4]float64
	// line is the border if Natural Earth does not draw it.
	line orb.LineString
}

var borders = []border{
	{a: "Serbia", b: "Kosovo"},
	{a: "Morocco", b: "W. Sahara"}, // the berm
	{a: "Morocco", b: "W. Sahara", line: orb.LineString{{-13.18, 27 + 40.0/60}, {-8.67, 27 + 40.0/60}}},
	{a: "Somalia", b: "Somaliland"},
	{a: "Cyprus", b: "N. Cyprus"},
	{a: "Israel", b: "Palestine"},
	{a: "Israel", b: "Syria"},                                        // Golan Heights
	{a: "Russia", b: "Ukraine", box: [4]float64{32, 45.5, 35.5, 47}}, // Crimea
	{a: "North Korea", b: "South Korea"},                             // demarcation line of 1953
	{a: "India", b: "Pakistan", box: [4]float64{73, 32.4, 78, 37}},   // line of control
	{a: "Siachen Glacier", b: "India"},
	{a: "Siachen Glacier", b: "Pakistan"},
	{a: "Siachen Glacier", b: "China"},
	{a: "India", b: "China", box: [4]float64{76, 30.5, 81, 37}},      // Aksai Chin, Demchok
	{a: "India", b: "China", box: [4]float64{91.5, 27, 98, 30}},      // Arunachal Pradesh
	{a: "Pakistan", b: "China", box: [4]float64{74.5, 35, 78, 37.5}}, // Shaksgam valley
	{a: "Bhutan", b: "China"},
	{a: "Sudan", b: "S. Sudan", box: [4]float64{27.5, 9, 29.2, 10.8}}, // Abyei
	{a: "Sudan", b: "S. Sudan", box: [4]float64{23, 8.5, 25.6, 10.5}}, // Kafia Kingi
	{a: "Egypt", b: "Sudan", box: [4]float64{33, 21, 38, 24}},         // Hala'ib triangle, Bir Tawil
	{a: "Kenya", b: "S. Sudan"},                                       // Ilemi triangle
	{a: "Venezuela", b: "Guyana"},                                     // Essequibo
}

// places holds dots for countries whose dot must not be in the middle of their largest island,
// since readers look elsewhere. Antarctica is not drawn: its dot is on King George Island, which
// has the most stations.
var places = map[string]orb.Point{
	"AQ": {-58.9, -62.2},
	"KI": {173.0, 1.4},
	"SH": {-5.7, -15.96},
}

// undrawn lists the countries that are drawn only as a dot.
var undrawn = map[string]bool{"AQ": true}

// codeOf returns the code with which a geometry's shape is drawn, before pieces are taken out of
// it.
func codeOf(g geometryObject) (string, error) {
	if g.id == "" {
		code, ok := named[g.name]
		if !ok {
			return "", fmt.Errorf("natural earth's %q has no number of ISO 3166-1: name its code", g.name)
		}
		return code, nil
	}
	number, err := strconv.Atoi(g.id)
	if err != nil {
		return "", fmt.Errorf("the number of %q: %w", g.name, err)
	}
	region, err := language.EncodeM49(number)
	if err != nil {
		return "", fmt.Errorf("the number of %q: %w", g.name, err)
	}
	if bgp.CountryName(region.String()) == "" {
		return "", fmt.Errorf("%s, the code of %q, is no country", region, g.name)
	}
	return region.String(), nil
}

// placeOf returns the code with which a polygon of a state is drawn, and its name if it is a
// disputed area.
func placeOf(state string, polygon orb.Polygon) (code, name string) {
	for _, d := range heldAreas {
		if d.state == state && box(d.box).Contains(polygon.Bound().Center()) {
			return d.code, d.name
		}
	}
	return worldmap.PieceOf(state, polygon), ""
}

func box(b [4]float64) orb.Bound {
	return orb.Bound{Min: orb.Point{b[0], b[1]}, Max: orb.Point{b[2], b[3]}}
}
