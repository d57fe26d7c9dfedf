// Package history asks ClickHouse about the past, for the pages and programs that `darkmap serve`
// answers. Every SQL statement that serve sends is in this package, one file for each question.
// Values are bound as parameters, and the statements run as the store's reader.
//
// In: tables and views of the store. Out: answers as Go values, which callers must not change. An
// answer is kept for the window for which it was given (Scope.Window), and shared: one statement
// runs for a question and a window, however many callers ask. At most MaxQueries questions run at a
// time; a further one waits QueueFor and then fails with ErrBusy. A Store starts no goroutine that
// outlives a question, and is safe for concurrent use. Store.Watch runs in a goroutine of its
// caller. It checks whether the store answers, so that pages which need no answer of the store can
// report that it is away.
package history
