// Package terminal fits text to a terminal: its width and kind, the number of cells of a text, and
// tables that fit its width. Widths count display cells: a wide character takes two, a combining
// one none. Width 0 is unlimited: a pipe or a file.
//
// All functions except Width, IsTerminal and Unicode are pure. The package starts no goroutine.
package terminal
