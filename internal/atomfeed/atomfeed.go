package atomfeed

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"
)

// Namespace is the XML namespace of Atom (RFC 4287 §1.2).
const Namespace = "http://www.w3.org/2005/Atom"

// Feed is a document. ID, Title, Updated and Author are required.
type Feed struct {
	XMLName  xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
	Language string   `xml:"http://www.w3.org/XML/1998/namespace lang,attr,omitempty"`
	// ID is an absolute IRI that never changes.
	ID       string  `xml:"id"`
	Title    string  `xml:"title"`
	Subtitle string  `xml:"subtitle,omitempty"`
	Updated  Time    `xml:"updated"`
	Author   Person  `xml:"author"`
	Links    []Link  `xml:"link"`
	Entries  []Entry `xml:"entry"`
}

// Entry is one entry. ID, Title and Updated are required, and a link of the kind alternate or a
// content.
type Entry struct {
	// ID is an absolute IRI that never changes, unique in the feed.
	ID    string `xml:"id"`
	Title string `xml:"title"`
	// Published is omitted if it is nil.
	Published  *Time      `xml:"published,omitempty"`
	Updated    Time       `xml:"updated"`
	Categories []Category `xml:"category"`
	Links      []Link     `xml:"link"`
	Summary    string     `xml:"summary,omitempty"`
	Content    *Text      `xml:"content,omitempty"`
}

// Person is an author.
type Person struct {
	Name string `xml:"name"`
	URI  string `xml:"uri,omitempty"`
}

// Link is a link: Rel is self, alternate or related, Type a media type.
type Link struct {
	Rel  string `xml:"rel,attr,omitempty"`
	Type string `xml:"type,attr,omitempty"`
	Href string `xml:"href,attr"`
}

// Category is a category: Term is its word, Scheme the vocabulary of the word.
type Category struct {
	Scheme string `xml:"scheme,attr,omitempty"`
	Term   string `xml:"term,attr"`
}

// Text is a content: Type is text or html. The body of html is markup with its names already
// escaped.
type Text struct {
	Type string `xml:"type,attr"`
	Body string `xml:",chardata"`
}

// Time is a time in whole seconds, in the form of RFC 3339 in UTC.
type Time struct{ time.Time }

// At returns t as a Time.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Second)} }

// MarshalText returns the form 2014-12-22T16:15:08Z.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.UTC().Format(time.RFC3339)), nil }

// UnmarshalText parses a time of RFC 3339.
func (t *Time) UnmarshalText(b []byte) error {
	v, err := time.Parse(time.RFC3339, string(b))
	t.Time = v.UTC()
	return err
}

// Write returns the document with its XML declaration. Texts must not contain characters that XML
// 1.0 excludes.
func Write(f *Feed) ([]byte, error) {
	b, err := xml.MarshalIndent(f, "", " ")
	if err != nil {
		return nil, fmt.Errorf("writing an Atom feed: %w", err)
	}
	return append(append([]byte(xml.Header), b...), '\n'), nil
}

// maxOctets bounds a document for Read.
const maxOctets = 64 << 20

// Read reads a document of Write.
func Read(r io.Reader) (*Feed, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxOctets+1))
	if err != nil {
		return nil, fmt.Errorf("reading an Atom feed: %w", err)
	}
	if len(b) > maxOctets {
		return nil, errors.New("reading an Atom feed: it has more than 64 MiB")
	}
	var f Feed
	if err := xml.NewDecoder(bytes.NewReader(b)).Decode(&f); err != nil {
		return nil, fmt.Errorf("reading an Atom feed: %w", err)
	}
	return &f, nil
}

// tagURI matches a tag URI (RFC 4151 §2.1): authority, date, and a specific part of characters that
// need no escape.
var tagURI = regexp.MustCompile(`^tag:([A-Za-z0-9._-]+@)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?,` +
	`[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?:[A-Za-z0-9._~/:@!$&'()*+,;=-]*$`)

// IsTag reports whether s is a tag URI, such as tag:example.net,2026:outages.
func IsTag(s string) bool { return tagURI.MatchString(s) }
