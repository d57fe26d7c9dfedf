// Package sqlshell implements `darkmap sql`: it reads statements from a terminal, with history and
// completion, and shows their output or writes it to a file (docs/interfaces.md, SQL on a
// terminal).
//
// Its input are the lines of a terminal. Its output are statements for a Store, which finds the
// server, and their results. Shell starts two goroutines: one for each line that it reads, which
// ends with the line, and one for each statement, which shows its progress. No control character of
// a server's answer reaches the terminal.
package sqlshell
