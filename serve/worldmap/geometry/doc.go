// Package geometry turns longitudes and latitudes into the drawing of the world map: it projects, simplifies and writes outlines,
// places dots, and finds the point of a shape at which it can be hit.
//
// It is pure: no clock, no file, no state. Longitudes and latitudes are degrees, east and north positive, longitude first, as in
// RFC 7946. Everything else is in units of the drawing: tenths of a pixel of a map that is 1,000 pixels wide, y growing downwards.
package geometry

// Unit is a pixel of a map that is 1,000 pixels wide.
const Unit = 10

// Width of the drawing.
const Width = 1000 * Unit
