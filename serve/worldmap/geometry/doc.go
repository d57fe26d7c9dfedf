// Package geometry converts longitudes and latitudes to the drawing of the world map. It projects,
// simplifies and writes outlines, places dots, and finds the point at which a shape can be hit.
//
// It is pure: no clock, no file, no state. Longitudes and latitudes are degrees, east and north
// positive, longitude first, as in RFC 7946. Everything else is in units of the drawing: tenths of
// a pixel of a map that is 1,000 pixels wide, with y growing downwards.
package geometry

// Unit is a pixel of a map that is 1,000 pixels wide.
const Unit = 10

// Width is the width of the drawing.
const Width = 1000 * Unit
