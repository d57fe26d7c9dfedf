// Package serve answers HTTP: the pages for people, and the API for programs.
//
// In: requests; the present (serve/live) and the past (serve/history). Out: the answers of the
// parts (serve/page, serve/api). Each answer is behind the same doors: a check of the requested
// name (421), a check of the viewer (serve/access), limits for each client (429), headers that keep
// other pages away, and a time limit. cmd/darkmap wires the parts together. A Server owns one
// goroutine for each connection, as net/http does, and ends them within Options.Drain.
//
// Order of the doors: count and time; Host; base path; viewer; cross-site; limits; deadline;
// compression; the route.
package serve
