package playback

import (
	"errors"
	"fmt"

	"github.com/darkmap/darkmap/ingest/tablechunk"
	"github.com/darkmap/darkmap/internal/capture"
)

// file is an open file.
type file struct {
	plan   *filePlan
	reader *capture.Reader
	item   *capture.Item // the next item; nil: it is to be read
	at     int64         // time at which the item is played, microseconds
	odd    []oddTimes    // the odd times that are still ahead, or being read
	dumps  *dumping      // nil: tables are not distinguished
	tally  tablechunk.Tally
	in     *dump // the table that contains the last item
	last   int64 // time at which the item before was played
	read   int64 // items that were read, without notes
}

func openFile(p *filePlan) (*file, error) {
	r, err := capture.Open(p.path, nil)
	if err != nil {
		return nil, err
	}
	f := &file{plan: p, reader: r, odd: p.odd}
	if p.dumps {
		f.dumps = newDumping()
	}
	return f, nil
}

// load reads the next item if there is none. A *capture.Damage is not the end. If it concerns only
// a time, the item is there. io.EOF is the end. now is the time of an item without one.
func (f *file) load(now int64) error {
	if f.item != nil {
		return nil
	}
	it, err := f.reader.Next()
	for err == nil && it.Kind == capture.Note {
		it, err = f.reader.Next()
	}
	if err != nil {
		if d, ok := errors.AsType[*capture.Damage](err); ok {
			d.File = f.plan.title
			f.tally.Damage(d)
		}
		return err
	}
	f.read++
	if f.item = it; it.Kind == capture.RIB {
		f.tally.Record()
	}
	d := f.place(it, now)
	f.last = max(f.last, f.at)
	if d != nil {
		return d
	}
	return nil
}

// place determines the time at which an item is played. now is the time of the stream, 0 before its
// first record. If the item's time is damaged, place returns the damage. It returns nil if the time
// is credible, or not far off.
func (f *file) place(it *capture.Item, now int64) *capture.Damage {
	begins := now == 0
	now = max(now, f.last, f.plan.first)
	f.at = now
	old := f.dumps != nil && f.dumps.old(it)
	if timeless(it) {
		return nil
	}
	t := it.Timestamp + f.plan.shift
	switch o := f.oddAt(it); {
	case old:
		f.at = min(t, now)
	case o != nil:
		f.at = o.at(t)
		off := t - f.at
		if it.Type != bmpType { // in BMP an earlier time may be the reception of a route
			off = max(off, -off)
		}
		if it.Number == o.from && off > tolerated {
			return f.damage(it,
				fmt.Errorf("the time of %s, %s, does not go with those of the records around: played at %s",
					o.records(), o.times(), clock(f.at)))
		}
		return nil
	case f.plan.table && t > now+maxDump: // of a table the plan has read only the beginning
		return f.damage(it,
			fmt.Errorf("its time, %s, lies more than a day after that of the record before, %s",
				clock(t), clock(now)))
	case f.plan.table:
		f.at = t
	default:
		f.at = min(t, max(f.plan.last, now))
	}
	if begins {
		f.at = max(f.at, now)
	}
	return nil
}

// oddAt returns the odd times that contain an item, or nil if the item's time is credible.
func (f *file) oddAt(it *capture.Item) *oddTimes {
	for len(f.odd) > 0 && f.odd[0].to < it.Number {
		f.odd = f.odd[1:]
	}
	if len(f.odd) > 0 && f.odd[0].from <= it.Number {
		return &f.odd[0]
	}
	return nil
}

// damage returns the damage of an item whose time is not credible.
func (f *file) damage(it *capture.Item, err error) *capture.Damage {
	return &capture.Damage{
		File: f.plan.title, Offset: it.Offset, Number: it.Number, Reason: capture.BadTime, Raw: it.Message,
		Err: err,
	}
}

// close closes the file, and returns the number of octets that were read of the file on disk.
func (f *file) close() (int64, error) {
	n := f.reader.Stats().FileBytes
	if err := f.reader.Close(); err != nil {
		return n, fmt.Errorf("closing %s: %w", f.plan.title, err)
	}
	return n, nil
}

func (o *oddTimes) records() string {
	if o.from == o.to {
		return "the record"
	}
	return fmt.Sprintf("the records from here to %d", o.to)
}

func (o *oddTimes) times() string {
	if o.low == o.high {
		return clock(o.low)
	}
	return clock(o.low) + " to " + clock(o.high)
}
