// Package sqlshell is `darkmap sql`: it reads statements from a terminal, with history and completion, and shows or writes their
// output (docs/interfaces.md, SQL on a terminal).
//
// In: lines of a terminal. Out: statements for a Store, which finds the server, and the output of each. Shell starts a goroutine for
// each line that it reads, which ends with the line, and one that looks how far a statement is. Nothing that a server returns reaches a
// terminal with its control characters.
package sqlshell
