// Package query is the language for questions about the present: a Question, and the Answer that
// the detector gives. People and programs use it through `darkmap show` and the detector's query
// door (docs/interfaces.md, The query door). Plain data, no I/O, no network.
package query
