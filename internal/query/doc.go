// Package query is the language in which people and programs ask about the present: a Question, and the Answer that the detector gives.
// `darkmap show` and the detector's query door speak it (docs/interfaces.md, The query door). Plain data, no I/O, no network.
package query
