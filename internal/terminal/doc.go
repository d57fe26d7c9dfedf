// Package terminal is how text meets a terminal: its width and kind, how many cells a text takes there, and tables that fit
// into it. Widths count display cells: a wide character takes two, a combining one none. Width 0 is unlimited: a pipe or a file.
//
// Apart from Width, IsTerminal and Unicode all functions are pure. No goroutine is started.
package terminal
