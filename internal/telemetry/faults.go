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

// maxFaults bounds the faults that are remembered; what comes beyond them is logged as it comes.
const maxFaults = 256

// faultWaits are the times after which a fault that goes on is said again: what came in between is counted. Then comes the last one,
// again and again. A fault that does not come back within one of them is over, and is said at once when it comes again.
var faultWaits = []time.Duration{10 * time.Second, time.Minute, 10 * time.Minute}

// causes are the attributes that say what is wrong. All others say where, or how often.
var causes = []string{"err", "why", "reason", "message"}

// OneFault returns a logger that says a fault once, and not once for each connection, collector or record that has it: warnings and
// errors of one message and one cause are one fault. Without a cause (causes) all that they say beside ends has to be the same. The
// first is logged at once; the others are counted, and said in one line after a while: with how many there were (more), since when, and
// which collectors, peers and addresses had it. flush says what was counted and not said.
func OneFault(log *slog.Logger) (_ *slog.Logger, flush func()) {
	f := &faults{open: map[string]*fault{}}
	return slog.New(faultHandler{log.Handler(), f}), f.flush
}

type faults struct {
	mu     sync.Mutex
	open   map[string]*fault
	closed bool // everything is logged as it comes
}

// fault is one that was said.
type fault struct {
	to    func(slog.Record)
	last  slog.Record
	more  int // that were not said
	since time.Time
	where map[string][]string // values of wheres, in the order in which they came
	waits int                 // which of faultWaits is running
	timer *time.Timer
}

// ends are the attributes that name who has the fault.
var ends = []string{"collector", "peer", "address", "connection"}

// wheres are the attributes whose values are listed where they differ, at most maxWhere of each.
var wheres = []string{"collector", "peer", "address", "file", "topic"}

const maxWhere = 5

type faultHandler struct {
	slog.Handler
	f *faults
}

// Handle logs the record, or counts it.
func (h faultHandler) Handle(ctx context.Context, r slog.Record) error {
	later := func(r slog.Record) { _ = h.Handler.Handle(context.WithoutCancel(ctx), r) } // as slog does
	if r.Level < slog.LevelWarn || h.f.counts(later, r.Clone()) {
		return h.Handler.Handle(ctx, r)
	}
	return nil
}

// WithAttrs is slog's.
func (h faultHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return faultHandler{h.Handler.WithAttrs(attrs), h.f}
}

// WithGroup is slog's.
func (h faultHandler) WithGroup(name string) slog.Handler {
	return faultHandler{h.Handler.WithGroup(name), h.f}
}

// counts notes a fault, and reports whether it is to be logged at once.
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

// again says a fault that went on, or forgets it.
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

// flush says what was not said yet; nothing is held back afterwards.
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

// say logs the last record, at the present time, with what is known of the others.
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

// note remembers where the fault is.
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

// varying is what differs in a cause from one connection to the next: ports, counts, durations.
var varying = regexp.MustCompile(`\d+`)

// faultKey is the message and the cause. Without a cause it is the message and all but ends: what differs may be what is wrong.
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
