package dated

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/darkmap/darkmap/enrich/geo/source"
)

// Inputs holds the data that Choose selects from.
type Inputs struct {
	// Dir is the folder of snapshots. Configured means that the user named it. A configured folder
	// must exist and hold a snapshot. It takes precedence over the default data of any day, and
	// Choose also uses it if files are listed.
	Dir        string
	Configured bool
	// Listed holds the files of enrich.geo.files and enrich.asn.files.
	Listed Data
	// Now is the clock; nil is no clock. A choice for the present ignores snapshots of days after
	// Now.
	Now func() time.Time
	// DefaultPlaces and DefaultOwners return the default data of a kind and may fetch them.
	// DefaultDay is the day of the default data.
	DefaultPlaces, DefaultOwners func() Data
	DefaultDay                   time.Time
}

// Set holds the files of one kind, places or owners, and their source.
type Set struct {
	// Day is the day of the data; zero if unknown.
	Day time.Time
	// From names the source in messages.
	From string
	// Snapshot reports whether the files are from a snapshot.
	Snapshot bool
	Data
}

// Choice holds the places and the owners for a time.
type Choice struct {
	Places, Owners Set
	// Notes are sentences about data that were left out.
	Notes []string
	// days are the days of all snapshots.
	days []time.Time
	at   time.Time
	// listOnly means that places are listed and no folder is configured. Fetched snapshots would
	// not be read then.
	listOnly bool
}

// kind is the kind of data: places or owners.
type kind struct {
	// name is the word for the kind in messages; key is the configuration key of the list.
	name, key string
	paths     func(Data) []string
}

var (
	places = kind{"geography", "enrich.geo.files", func(d Data) (paths []string) {
		for _, f := range d.Places {
			paths = append(paths, f.Path)
		}
		return paths
	}}
	owners = kind{"AS data", "enrich.asn.files", func(d Data) []string { return d.Owners }}
)

// has reports whether d holds files of the kind.
func (k kind) has(d Data) bool { return len(k.paths(d)) > 0 }

// candidate is one set of data that Choose may select.
type candidate struct {
	day  time.Time // zero if unknown
	from string
	// snapshot reports whether the candidate is a snapshot.
	snapshot bool
	read     func() (Data, error)
}

// Choose selects places and owners separately. It takes the newest data of a day not after at, else
// the oldest data of a later day, else files of an unknown day. The zero time is the present: then
// listed files of an unknown day count as the newest.
func Choose(in Inputs, at time.Time) (Choice, error) {
	c := Choice{at: at, listOnly: places.has(in.Listed) && !in.Configured}
	snapshots, err := in.snapshots(&c)
	if err != nil {
		return c, err
	}
	for _, k := range []struct {
		kind
		set      *Set
		defaults func() Data
	}{{places, &c.Places, in.DefaultPlaces}, {owners, &c.Owners, in.DefaultOwners}} {
		defaults := candidate{
			day: in.DefaultDay, from: "the default data",
			read: func() (Data, error) { return k.defaults(), nil },
		}
		var all []candidate
		listed := k.has(in.Listed)
		if in.Configured || !listed {
			all = append(all, snapshots...)
		}
		if listed {
			all = append(all,
				candidate{
					day: in.listedDay(k.kind, at, len(all) > 0), from: k.key,
					read: func() (Data, error) { return in.Listed, nil },
				})
		}
		last := []candidate(nil)
		switch {
		case listed:
		case in.Configured:
			last = append(last, defaults)
		default:
			all = append(all, defaults)
		}
		if *k.set, err = c.first(k.kind, append(order(all, at), last...)); err != nil {
			return c, err
		}
		c.noteList(k.kind, *k.set, listed && in.Configured)
	}
	return c, nil
}

// snapshots returns the snapshots of the folder as candidates, oldest first.
func (in Inputs) snapshots(c *Choice) ([]candidate, error) {
	if in.Dir == "" {
		return nil, nil
	}
	all, left, err := List(in.Dir)
	if err != nil && !in.Configured && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(left) > 0 && in.Configured {
		c.Notes = append(c.Notes,
			fmt.Sprintf("in %s these are left out, whose names do not have one day, as 2022-02-24: %s", in.Dir,
				firstOf(left, 5)))
	}
	all, future := in.reached(all, c.at)
	if len(future) > 0 {
		c.Notes = append(c.Notes,
			"left out, for the day lies in the future: the snapshot of "+future[0].String()+others(len(future)-1))
	}
	if in.Configured && len(all) == 0 {
		return nil, noSnapshot(in.Dir, left, future)
	}
	out := make([]candidate, 0, len(all))
	for _, s := range all {
		c.days = append(c.days, s.Day)
		out = append(out, candidate{day: s.Day, from: s.where(), snapshot: true, read: sync.OnceValues(s.Read)})
	}
	return out, nil
}

// reached splits snapshots, oldest first, into those that can be chosen and, for the present, those
// of future days.
func (in Inputs) reached(all []Snapshot, at time.Time) (now, future []Snapshot) {
	if in.Now == nil || !at.IsZero() {
		return all, nil
	}
	limit := in.Now()
	n := slices.IndexFunc(all, func(s Snapshot) bool { return s.Day.After(limit) })
	if n < 0 {
		return all, nil
	}
	return all[:n], all[n:]
}

// noSnapshot returns the error for a folder without a snapshot that can be chosen. left are the
// names in the folder that contain no day.
func noSnapshot(dir string, left []string, future []Snapshot) error {
	switch {
	case len(future) > 0:
		return fmt.Errorf("%w in %s: the day of the snapshot of %s%s lies in the future", ErrEmpty, dir,
			future[0], others(len(future)-1))
	case len(left) > 0:
		return fmt.Errorf(
			"%w in %s: a snapshot is a file or a folder with one day in its name, as 2022-02-24, "+
				"and no name there has one: %s",
			ErrEmpty, dir, firstOf(left, 5))
	}
	return fmt.Errorf(
		"%w in %s: the folder is empty; a snapshot is a file or a folder with one day in its name, as 2022-02-24",
		ErrEmpty, dir)
}

// others formats the text for n more items; it is empty if n is 0.
func others(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n)
}

// listedDay returns the newest day that the listed files contain. For the present the day matters
// only if there are snapshots as well.
func (in Inputs) listedDay(k kind, at time.Time, beside bool) (day time.Time) {
	if at.IsZero() && !beside {
		return day
	}
	for _, p := range k.paths(in.Listed) {
		if d := source.DateOf(p); d.After(day) {
			day = d
		}
	}
	return day
}

// order sorts candidates by the rule of Choose.
func order(all []candidate, at time.Time) []candidate {
	rank := func(c candidate) int {
		switch {
		case at.IsZero() && c.day.IsZero(), !at.IsZero() && !c.day.IsZero() && !c.day.After(at):
			return 0
		case c.day.IsZero():
			return 2
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		if ra, rb := rank(a), rank(b); ra != rb {
			return ra - rb
		}
		if rank(a) == 1 && !at.IsZero() {
			return a.day.Compare(b.day)
		}
		return b.day.Compare(a.day)
	})
	return all
}

// first returns the first candidate that has the kind. If the very first candidate cannot be read,
// first returns an error; a later one adds a note.
func (c *Choice) first(k kind, all []candidate) (Set, error) {
	for i, x := range all {
		d, err := x.read()
		switch {
		case err != nil && i == 0:
			return Set{}, err
		case err != nil:
			if note := "left out: " + err.Error(); !slices.Contains(c.Notes, note) {
				c.Notes = append(c.Notes, note)
			}
		case k.has(d):
			return Set{
				Day: x.day, From: x.from, Snapshot: x.snapshot,
				Data: Data{Places: slices.Clone(d.Places), Owners: slices.Clone(d.Owners)},
			}, nil
		}
	}
	return Set{}, nil
}

// noteList adds a note that names the unused one of the list and the snapshots, if both are
// configured.
func (c *Choice) noteList(k kind, s Set, both bool) {
	switch {
	case !both:
	case s.Snapshot:
		c.Notes = append(c.Notes,
			fmt.Sprintf("%s is not read: the %s is that of the snapshot of %s", k.key, k.name, dayText(s.Day)))
	default:
		c.Notes = append(c.Notes, fmt.Sprintf("the %s of %s goes before the snapshots", k.name, k.key))
	}
}

// Apart reports whether the owners are newer than the requested time while the places are not. The
// origins of prefixes must not decide the place of a prefix then.
func (c Choice) Apart() bool { return c.newer(c.Owners) && !c.newer(c.Places) }

func (c Choice) newer(s Set) bool { return !c.at.IsZero() && s.Day.After(c.at) }

// Files returns the names of all files that are read, each with the day of its data if known.
func (c Choice) Files() (files []string) {
	add := func(s Set, paths []string) {
		for _, text := range paths {
			if !s.Day.IsZero() {
				text += " (" + dayText(s.Day) + ")"
			}
			if !slices.Contains(files, text) {
				files = append(files, text)
			}
		}
	}
	add(c.Places, places.paths(c.Places.Data))
	add(c.Owners, owners.paths(c.Owners.Data))
	return files
}

func firstOf(all []string, n int) string {
	text := strings.Join(all[:min(len(all), n)], ", ")
	if len(all) > n {
		text += fmt.Sprintf(" and %d more", len(all)-n)
	}
	return text
}
