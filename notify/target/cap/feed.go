package cap

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/darkmap/darkmap/internal/atomfeed"
	"github.com/darkmap/darkmap/internal/atomicfile"
)

// mediaType is the media type in feeds of CAP alerts. CAP-v1.2 §4.5 names none; this one is usual.
const mediaType = "application/cap+xml"

// feedID returns the feed's id.
func (c *Config) feedID() string {
	if c.FeedID != "" {
		return c.FeedID
	}
	_, domain, found := strings.Cut(c.Sender, "@")
	if !found {
		domain = c.Sender
	}
	return "tag:" + domain + ",2026:darkmap-cap"
}

// link returns the address of a file of the folder for readers.
func (c *Config) link(name string) string {
	if c.URL == "" {
		return name
	}
	return strings.TrimSuffix(c.URL, "/") + "/" + name
}

// writeFeed writes the feed of the newest alert of each incident. It only repeats the content of
// the alerts.
func (f *folder) writeFeed(c *Config) error {
	all := f.sorted()
	if len(all) == 0 {
		return nil
	}
	feed := &atomfeed.Feed{
		Language: "en", ID: c.feedID(), Title: "CAP alerts of " + all[0].Info.SenderName,
		Updated: atomfeed.At(all[0].Sent.Time),
		Author:  atomfeed.Person{Name: all[0].Info.SenderName},
		Links:   []atomfeed.Link{{Rel: "self", Type: "application/atom+xml", Href: c.link(feedName)}},
	}
	for _, a := range all {
		feed.Entries = append(feed.Entries, atomfeed.Entry{
			ID: c.feedID() + "/" + url.PathEscape(a.key()), Title: a.Info.Headline, Updated: atomfeed.At(a.Sent.Time),
			Categories: []atomfeed.Category{{Term: a.Status}, {Term: a.MsgType}},
			Links:      []atomfeed.Link{{Rel: "alternate", Type: mediaType, Href: c.link(a.Identifier + fileSuffix)}},
			Summary:    a.Info.Description,
		})
	}
	b, err := atomfeed.Write(feed)
	if err != nil {
		return err
	}
	return atomicfile.WriteMode(filepath.Join(f.dir, feedName), b, f.file)
}
