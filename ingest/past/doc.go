// Package past finds and fetches the archives' files of a span of the past, for package playback to
// play.
//
// In: a Request (from, to, perhaps collectors), an archive.Finder and an archive.Fetcher. Out: a
// Selection, which lists the files before any is fetched, and Fetched: the files in the form that
// playback takes, and the missing ones.
//
// For each collector it takes the newest table before the span and the updates from then on. It
// takes a later table if updates are missing before that table, and one for each day
// (docs/feeds.md, Any day of the past). The choice depends only on the request and the index.
//
// Fetch starts goroutines, a few for each server, and waits for them. It gives up a server that
// does not answer, and continues with the others.
package past
