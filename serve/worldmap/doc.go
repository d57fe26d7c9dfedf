// Package worldmap draws the world: a shape or a dot for every country that bgp.CountryName knows, as SVG in which each country is a
// plain link that has a colour for its loss.
//
// World is the map that comes with darkmap. make draws it from Natural Earth (public domain), and it stands in world.json. Read draws
// an operator's own shapes over it. WriteSVG writes a map, CSS colours it. All of it is pure; a Map is never written after it was made,
// so any number of goroutines may share it.
//
// What darkmap says about a country never comes from the map: routes are counted by the geolocation data. Borders follow who holds an
// area, as in Natural Earth, and countries and codes follow ISO 3166. Disputed borders are dashed and disputed areas hatched; a
// disputed area without a code of its own has the colour of the country in whose code ISO 3166 has it.
package worldmap
