// Package atomfeed reads and writes Atom documents (RFC 4287) with the elements that darkmap's feeds have: one author, entries with an id, a
// title, times, a category, links, and a content of text or HTML. It keeps no state; the caller orders and bounds the entries. A document
// that Write made is read back as it was, so that a feed's file is all that has to be kept of it.
package atomfeed
