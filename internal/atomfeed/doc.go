// Package atomfeed reads and writes Atom documents (RFC 4287) with the elements of darkmap's feeds:
// one author, entries with an id, a title, times, a category, links, and a content of text or HTML.
// It keeps no state; the caller orders and bounds the entries. Read returns a document of Write
// unchanged, so the file of a feed is the only state to keep.
package atomfeed
