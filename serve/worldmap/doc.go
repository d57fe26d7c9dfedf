// Package worldmap draws the world as SVG: a shape or a dot for every country that bgp.CountryName
// knows. Each country is a plain link with a colour for its loss.
//
// World is the map that comes with darkmap, in world.json. make draws it from Natural Earth (public
// domain). Read draws an operator's own shapes over it. WriteSVG writes a map, and CSS colours it.
// All of it is pure. A Map never changes after it is made, so it may be shared by any number of
// goroutines.
//
// Data about a country never come from the map: routes are counted by the geolocation data. Borders
// follow the state that holds an area, as in Natural Earth. Countries and codes follow ISO 3166.
// Disputed borders are dashed and disputed areas hatched. A disputed area without a code of its own
// has the colour of the country whose code ISO 3166 gives it.
package worldmap
