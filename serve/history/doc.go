// Package history asks ClickHouse about the past, for the pages and programs that `darkmap serve` answers. Every SQL statement that serve sends
// stands here, one file a question; values are bound as parameters, and the store's reader asks.
//
// In: tables and views of the store. Out: answers as Go values, which callers must not change. An answer is kept for the window (Scope.Window) that it was
// given for, and shared: one statement runs for a question and a window, however many ask. At most MaxQueries statements run at a time; another
// one waits QueueFor and then fails with ErrBusy. A Store starts no goroutine that outlives a question and may be used by any number of them. Store.Watch runs in
// a goroutine of its caller: it asks whether the store answers, so that pages which need nothing of the store can report that it is away.
package history
