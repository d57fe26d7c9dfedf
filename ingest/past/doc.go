// Package past finds and fetches what archives hold of a span of the past, so that package playback can play it.
//
// In: a Request (from, to, perhaps collectors), an archive.Finder and an archive.Fetcher. Out: a Selection, which says what will be fetched
// before anything is, and Fetched: the files as playback takes them, and which are missing.
//
// Of each collector the newest table before the span and the updates from then on are taken; a later table where updates are missing before
// it, and one for each day (docs/feeds.md, Any day of the past). The choice follows from the request and the index alone.
//
// Fetch starts goroutines, a few for each server, and waits for them. A server that does not answer is given up; the others go on.
package past
