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

// Inputs are what is chosen from.
type Inputs struct {
	// Dir has the snapshots. Configured says that the user named it: then it has to be there and to hold some, it goes before the default
	// data whatever their days, and it is looked at beside a list, too.
	Dir        string
	Configured bool
	// Listed are the files that enrich.geo.files and enrich.asn.files name.
	Listed Data
	// Now is the clock; nil is none. For the present, snapshots of days that it has not reached are left out.
	Now func() time.Time
	// DefaultPlaces and DefaultOwners return the default data of a kind, which may have to be fetched. DefaultDay is their day.
	DefaultPlaces, DefaultOwners func() Data
	DefaultDay                   time.Time
}

// Set is where the files of one kind, places or owners, are from.
type Set struct {
	// Day is that of the data; zero is not known.
	Day time.Time
	// From says in messages where it is from.
	From string
	// Snapshot says that it is from a snapshot.
	Snapshot bool
	Data
}

// Choice are the places and the owners of a time.
type Choice struct {
	Places, Owners Set
	// Notes are sentences about what was left out.
	Notes []string
	// days are those of all snapshots.
	days []time.Time
	at   time.Time
	// listOnly says that places are listed and no folder is configured: then snapshots that are fetched would not be read.
	listOnly bool
}

// kind is places or owners.
type kind struct {
	name, key string // in messages, and the list's key
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

// has reports whether data are of the kind.
func (k kind) has(d Data) bool { return len(k.paths(d)) > 0 }

// candidate is data that may be chosen.
type candidate struct {
	day  time.Time // zero is not known
	from string
	// snapshot says that it is one.
	snapshot bool
	read     func() (Data, error)
}

// Choose takes for places and for owners each the newest data whose day is not after at, else the oldest after it, else files whose day is
// not known. The zero time is the present: files of a list whose day is not known count as the newest.
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
		defaults := candidate{day: in.DefaultDay, from: "the default data",
			read: func() (Data, error) { return k.defaults(), nil }}
		var all []candidate
		listed := k.has(in.Listed)
		if in.Configured || !listed {
			all = append(all, snapshots...)
		}
		if listed {
			all = append(all,
				candidate{day: in.listedDay(k.kind, at, len(all) > 0), from: k.key,
					read: func() (Data, error) { return in.Listed, nil }})
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

// snapshots are those of the folder as candidates, oldest first.
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

// reached splits snapshots, oldest first, into those that may be chosen from, and for the present those of days to come.
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

// noSnapshot is the error of a folder that holds none that can be chosen; left are the names in it without a day.
func noSnapshot(dir string, left []string, future []Snapshot) error {
	switch {
	case len(future) > 0:
		return fmt.Errorf("%w in %s: the day of the snapshot of %s%s lies in the future", ErrEmpty, dir,
			future[0], others(len(future)-1))
	case len(left) > 0:
		return fmt.Errorf(
			"%w in %s: a snapshot is a file or a folder with one day in its name, as 2022-02-24, and no name there has one: %s",
			ErrEmpty, dir, firstOf(left, 5))
	}
	return fmt.Errorf(
		"%w in %s: the folder is empty; a snapshot is a file or a folder with one day in its name, as 2022-02-24",
		ErrEmpty, dir)
}

// others says that there are n more; empty where there are none.
func others(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n)
}

// listedDay is the newest day that listed files tell of themselves. For the present it is of use beside snapshots alone.
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

// order sorts candidates as Choose says.
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

// first returns the first candidate that has the kind. One that cannot be read is an error where it is the first of all, else a note.
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
			return Set{Day: x.day, From: x.from, Snapshot: x.snapshot,
				Data: Data{Places: slices.Clone(d.Places), Owners: slices.Clone(d.Owners)}}, nil
		}
	}
	return Set{}, nil
}

// noteList says which of a list and the snapshots is not used, where both are configured.
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

// Apart reports whether the owners are newer than the time that was asked for while the places are not: then origins of prefixes must
// not decide where the prefixes lie.
func (c Choice) Apart() bool { return c.newer(c.Owners) && !c.newer(c.Places) }

func (c Choice) newer(s Set) bool { return !c.at.IsZero() && s.Day.After(c.at) }

// Files are the names of all files that are read, each with the day of its data where that is known.
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
