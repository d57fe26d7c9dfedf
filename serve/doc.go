// Package serve answers HTTP: the pages that people look at, and the API that their programs use.
//
// In: requests; the present (serve/live), the past (serve/history). Out: what the parts answer (serve/page, serve/api), each behind the same
// doors: the name that is asked for (421), who asks (serve/access), how much one client may ask for (429), headers that keep other pages away, a time limit.
// cmd/darkmap wires the parts together. A Server owns a goroutine for each connection, as net/http has it, and ends them within the time it is given.
//
// Order of the doors: count and time; Host; base path; who asks; cross-site; limits; deadline; compression; the route.
package serve
