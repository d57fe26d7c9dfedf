package atom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/darkmap/darkmap/internal/atomfeed"
	"github.com/darkmap/darkmap/internal/atomicfile"
	"github.com/darkmap/darkmap/notify/target"
)

const (
	// maxAge is the age from which news is late. groupWait is how long an incident waits for wider
	// events.
	maxAge    = 6 * time.Hour
	groupWait = time.Minute
)

// atomTarget is an Atom file. mu guards the entries, which are ordered from newest to oldest.
type atomTarget struct {
	cfg     Config
	mu      sync.Mutex
	entries []atomfeed.Entry
}

// New makes the target and reads the file if it exists.
func New(cfg Config, _ target.Deps) (target.Target, error) {
	if cfg.File == "" || cfg.ID == "" {
		return nil, errors.New("a target of the type atom needs a file and an id")
	}
	t := &atomTarget{cfg: cfg}
	f, err := os.Open(cfg.File)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the Atom file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	feed, err := atomfeed.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not overwritten: move %s away, or name another file", err,
			filepath.Base(cfg.File))
	}
	if feed.ID != cfg.ID {
		return nil, fmt.Errorf("the Atom file %s is the feed %s and not %s: move it away, or name another file",
			filepath.Base(cfg.File), feed.ID, cfg.ID)
	}
	t.entries = feed.Entries
	return t, nil
}

// Traits returns the traits of a feed. It is keyed, as writing an entry twice gives the same entry.
func (t *atomTarget) Traits() target.Traits {
	return target.Traits{Style: target.Feed, Keyed: true, Public: true, MaxAge: maxAge, GroupWait: groupWait}
}

// Send replaces the incident's entry by the message's entry and writes the file.
func (t *atomTarget) Send(_ context.Context, m *target.Message, _ target.Handle) (target.Handle, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	id := t.id(m)
	at := slices.IndexFunc(t.entries, func(e atomfeed.Entry) bool { return e.ID == id })
	entries := slices.Clone(t.entries)
	published := atomfeed.At(m.Time)
	if at >= 0 {
		published = *cmp.Or(entries[at].Published, &published)
		entries = slices.Delete(entries, at, at+1)
	}
	switch {
	case !m.Private:
		entries = append([]atomfeed.Entry{t.entry(m, id, published)}, entries...)
	case at < 0:
		return nil, nil
	}
	slices.SortStableFunc(entries, func(a, b atomfeed.Entry) int {
		return cmp.Or(b.Updated.Compare(a.Updated.Time), cmp.Compare(a.ID, b.ID))
	})
	entries = trim(entries, t.cfg.Entries, id)
	if err := t.write(entries, m.Time); err != nil {
		return nil, err
	}
	t.entries = entries
	return nil, nil
}

// id returns the id of an entry: it depends on the incident, or on the message if there is no
// incident.
func (t *atomTarget) id(m *target.Message) string {
	if m.Incident == "" {
		return t.cfg.ID + "/message/" + url.PathEscape(m.ID)
	}
	return t.cfg.ID + "/" + url.PathEscape(m.Incident)
}

// trim removes the oldest entries above the limit: first those of incidents that are over, then
// others. It keeps the entry with the id kept.
func trim(entries []atomfeed.Entry, limit int, kept string) []atomfeed.Entry {
	for _, over := range []bool{true, false} {
		for i := len(entries) - 1; i >= 0 && len(entries) > limit; i-- {
			if entries[i].ID != kept && isOver(entries[i]) == over {
				entries = slices.Delete(entries, i, i+1)
			}
		}
	}
	return entries
}

// write replaces the file. The feed's time of change is that of its newest entry, or now if there
// is no entry.
func (t *atomTarget) write(entries []atomfeed.Entry, now time.Time) error {
	feed := &atomfeed.Feed{
		Language: "en", ID: t.cfg.ID, Title: clean(cmp.Or(t.cfg.Title, "Internet outages")),
		Updated: atomfeed.At(now),
		Author:  atomfeed.Person{Name: clean(cmp.Or(t.cfg.Author, "darkmap"))}, Entries: entries,
	}
	if len(entries) > 0 {
		feed.Updated = entries[0].Updated
	}
	if t.cfg.URL != "" {
		feed.Links = []atomfeed.Link{{Rel: "self", Type: "application/atom+xml", Href: t.cfg.URL}}
	}
	b, err := atomfeed.Write(feed)
	if err != nil {
		return err
	}
	return atomicfile.WriteMode(t.cfg.File, b, 0o644)
}

// Check returns an error if the file could not be written.
func (t *atomTarget) Check(context.Context) error {
	f, err := os.CreateTemp(filepath.Dir(t.cfg.File), "check-*.tmp")
	if err != nil {
		return fmt.Errorf("writing into the folder of the Atom file: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Close does nothing.
func (t *atomTarget) Close() error { return nil }
