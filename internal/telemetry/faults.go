package telemetry

import (
	"context"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// maxFaults bounds the remembered faults. Faults beyond it are logged as they come.
const maxFaults = 256

// faultWaits are the intervals after which a lasting fault is logged again, with the number of its
// records in between. The last interval repeats. A fault without a record in one interval is over;
// its next record is logged at once.
var faultWaits = []time.Duration{10 * time.Second, time.Minute, 10 * time.Minute}

// causes are the attributes that name the cause of a fault. All others name its place or its count.
var causes = []string{"err", "why", "reason", "message"}

// OneFault returns a logger that logs a fault once, and not once for each connection, collector or
// record that has it. Warnings and errors with the same message and the same cause (causes) are one
// fault. Without a cause all their attributes except ends must be equal. The first record is logged
// at once. The others are counted and logged in one line after a while: with their number (more),
// since when, and which collectors, peers and addresses had the fault. flush logs the records
// counted and not yet logged.
func OneFault(log *slog.Logger) (_ *slog.Logger, flush func()) {
	f := &faults{open: map[string]*fault{}}
	return slog.New(faultHandler{log.Handler(), f}), f.flush
}

type faults struct {
	mu     sync.Mutex
	open   map[string]*fault
	closed bool // set by flush: records are logged as they come
}

// fault is a fault whose first record was logged.
type fault struct {
	to    func(slog.Record)
	last  slog.Record
	more  int // records not logged yet
	since time.Time
	where map[string][]string // values of wheres, in the order of arrival
	waits int                 // index of the running interval in faultWaits
	timer *time.Timer
}

// ends are the attributes that name the object with the fault.
var ends = []string{"collector", "peer", "address", "connection"}

// wheres are the attributes whose differing values are listed, at most maxWhere of each.
var wheres = []string{"collector", "peer", "address", "file", "topic"}

const maxWhere = 5

type faultHandler struct {
	slog.Handler
	f *faults
}

// Handle logs the record, or counts it.
func (h faultHandler) Handle(ctx context.Context, r slog.Record) error {
	// The error is ignored, as in package slog.
	later := func(r slog.Record) { _ = h.Handler.Handle(context.WithoutCancel(ctx), r) }
	if r.Level < slog.LevelWarn || h.f.counts(later, r.Clone()) {
		return h.Handler.Handle(ctx, r)
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (h faultHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return faultHandler{h.Handler.WithAttrs(attrs), h.f}
}

// WithGroup implements slog.Handler.
func (h faultHandler) WithGroup(name string) slog.Handler {
	return faultHandler{h.Handler.WithGroup(name), h.f}
}

// counts counts a record of a fault, and reports whether it must be logged at once.
func (f *faults) counts(to func(slog.Record), r slog.Record) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := faultKey(r)
	x := f.open[k]
	if x == nil {
		if f.closed || len(f.open) >= maxFaults {
			return true
		}
		x = &fault{since: r.Time, where: map[string][]string{}}
		x.timer = time.AfterFunc(faultWaits[0], func() { f.again(k) })
		f.open[k] = x
		x.note(r)
		return true
	}
	x.to, x.last = to, r
	x.more++
	x.note(r)
	return false
}

// again logs a fault that went on, or forgets it.
func (f *faults) again(k string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.open[k]
	if x == nil {
		return
	}
	if x.more == 0 {
		delete(f.open, k)
		return
	}
	x.say()
	x.waits = min(x.waits+1, len(faultWaits)-1)
	x.timer.Reset(faultWaits[x.waits])
}

// flush logs the counted records. From then on records are logged as they come.
func (f *faults) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for k, x := range f.open {
		x.timer.Stop()
		if x.more > 0 {
			x.say()
		}
		delete(f.open, k)
	}
}

// say logs the last record, with the present time and a summary of the others.
func (x *fault) say() {
	now := time.Now()
	r := slog.NewRecord(now, x.last.Level, x.last.Message, 0)
	several := func(key string) bool { return len(x.where[key]) > 1 }
	x.last.Attrs(func(a slog.Attr) bool {
		if !several(a.Key) {
			r.AddAttrs(a)
		}
		return true
	})
	for _, key := range wheres {
		if several(key) {
			r.AddAttrs(slog.String(bgp.Plural(key), strings.Join(x.where[key], ", ")))
		}
	}
	r.AddAttrs(slog.Int("more", x.more), slog.Time("since", x.since))
	x.to(r)
	x.more, x.since, x.where = 0, now, map[string][]string{}
}

// note remembers the places of a record.
func (x *fault) note(r slog.Record) {
	r.Attrs(func(a slog.Attr) bool {
		if !slices.Contains(wheres, a.Key) {
			return true
		}
		switch text, have := a.Value.String(), x.where[a.Key]; {
		case slices.Contains(have, text) || len(have) > maxWhere:
		case len(have) == maxWhere:
			x.where[a.Key] = append(have, "...")
		default:
			x.where[a.Key] = append(have, text)
		}
		return true
	})
}

// varying matches the parts of a cause that differ between connections: ports, counts, durations.
var varying = regexp.MustCompile(`\d+`)

// faultKey returns the message and the cause. Without a cause it returns the message and all
// attributes except ends, because the difference may be the fault.
func faultKey(r slog.Record) string {
	var cause, all strings.Builder
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case slices.Contains(causes, a.Key):
			cause.WriteString("\n" + a.Key + "=" + varying.ReplaceAllString(a.Value.String(), "0"))
		case !slices.Contains(ends, a.Key):
			all.WriteString("\n" + a.Key + "=" + a.Value.String())
		}
		return true
	})
	if cause.Len() > 0 {
		return r.Message + cause.String()
	}
	return r.Message + all.String()
}
