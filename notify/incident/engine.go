package incident

import (
	"iter"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// Engine decides. Its methods return deliveries that are to be written; they stay the engine's, and are valid until its next call.
type Engine struct{}

// Attempt is a message that is to be sent.
type Attempt struct {
	Target  string
	Message *target.Message
	Handle  target.Handle
	// Number of the attempt, from 1.
	Number int
	// Doubtful: an earlier attempt was begun and had no result. A target that is not keyed may be told twice: the caller counts that.
	Doubtful bool
	// Repeat: the target asks to be told again what it knows (Traits.Resend). Nothing is written before and after it.
	Repeat bool
	// Fetch is the record to be read from bgp.outages.v1, put into Message.Record and, decoded, Message.Events; nil where it is there. One that
	// is not there any more is reported to Done as a Fault with Refused.
	Fetch *RecordRef
	key   string
}

// New builds the engine from what was saved. An error names what in the configuration cannot be used.
func New(_ Config, _ []TargetInfo, _ []Delivery, _ time.Time) (*Engine, error) { return &Engine{}, nil }

// IgnoreBlindness tells the engine that nothing is measured now: a replay, a demo or a look at the past.
func (e *Engine) IgnoreBlindness() {}

// First reports whether this is a first run: nothing was saved. Then the caller reads bgp.outages.v1 to its end, gives Begin what is open, and goes on
// from there.
func (e *Engine) First() bool { return false }

// Adopt tells targets in one notice what is open at a first run. Nothing older is told.
func (e *Engine) Adopt(_ []*bgp.Outage, _ time.Time) []*Delivery { return nil }

// Record takes a record of bgp.outages.v1, in order; raw is its JSON, ref where it stands (Partition and Offset). Records that were taken before change nothing.
func (e *Engine) Record(_ *bgp.Outage, _ []byte, _ RecordRef, _ time.Time) {}

// Verdicts says whether a verdict is possible in a family, as of bgp.panel.v1, and why not since when.
func (e *Engine) Verdicts(_ bgp.Family, _ bool, _ string, _, _ time.Time) {}

// Decided says which is the newest minute that detect has decided.
func (e *Engine) Decided(_, _ time.Time) {}

// Healthy reports whether the windows of a family are decided; why not is a sentence without its period.
func (e *Engine) Healthy(_ bgp.Family, _ time.Time) (why string, ok bool) { return "", false }

// Families are those that routes ask for.
func (e *Engine) Families() []bgp.Family { return nil }

// Silence begins a silence, or changes the one with its id. An empty id gets one. EndSilence reports whether there was one.
func (e *Engine) Silence(_ Silence, _ time.Time) *Delivery { return nil }

// EndSilence ends a silence; nil where there is none with that id.
func (e *Engine) EndSilence(_ string, _ time.Time) *Delivery { return nil }

// Silences are those that hold.
func (e *Engine) Silences(_ time.Time) []Silence { return nil }

// Next is when Advance has to be called, and Ready asked, although nothing comes; zero is never.
func (e *Engine) Next(_ time.Time) time.Time { return time.Time{} }

// Advance decides, and returns the deliveries that have changed since it was last called, by records and by time.
func (e *Engine) Advance(_ time.Time) []*Delivery { return nil }

// Ready are the messages that may be sent now, at most one for each target that none is being sent to.
func (e *Engine) Ready(_ time.Time) []Attempt { return nil }

// Begin notes that an attempt begins. The delivery is to be written before the message is sent; nil for a Repeat.
func (e *Engine) Begin(_ Attempt, _ time.Time) *Delivery { return nil }

// Done notes an attempt's answer. The deliveries are to be written.
func (e *Engine) Done(_ Attempt, _ target.Handle, _ error, _ time.Time) []*Delivery { return nil }

// Cancel notes that an attempt ended without a word sent: the stage stops, or its epoch is over.
func (e *Engine) Cancel(_ Attempt, _ time.Time) []*Delivery { return nil }

// Said are sentences for the log since the last call: what was parked, switched off, cut, or not understood.
func (e *Engine) Said() []string { return nil }

// Verdict is why an outage was told or not, by a route, to a target.
type Verdict struct {
	Route, Target string
	// Matched: the route takes the outage. Else Why names the condition that does not hold.
	Matched bool
	Why     string
	// Incident is the incident that the outage is in, where it is in one.
	Incident string
	// Lines say in order what became of it: held, silenced, folded, waiting, sent with which answer.
	Lines []string
}

// Explain says for each route and target what became of an outage. o is its newest record; nil where that is not known.
func (e *Engine) Explain(_ string, _ *bgp.Outage, _ time.Time) []Verdict { return nil }

// Status is how a target stands.
type Status struct {
	Target string
	// Known: the configuration has the target. Deliveries of others stay and wait for it.
	Known bool
	// Off says why it is switched off.
	Off string
	// Open counts the incidents that it was told of and that last, Waiting the messages that wait, Parked those that were given up.
	Open, Waiting, Parked int
	// Oldest is since when the oldest message waits.
	Oldest time.Time
	// LastSent is when it was last told something, LastError what went wrong last.
	LastSent  time.Time
	LastError string
}

// Status is how all targets stand, by name, those that only the ledger knows as well.
func (e *Engine) Status(_ time.Time) []Status { return nil }

// Deliveries are all that the engine holds, by key.
func (e *Engine) Deliveries() iter.Seq[*Delivery] { return func(func(*Delivery) bool) {} }

// PastRecord is a record with when it was published.
type PastRecord struct {
	Outage *bgp.Outage
	At     time.Time
}

// Past returns the messages that would have been sent of past records, in their order, if every target had answered at once; and the deliveries after them,
// by which a lost ledger is built again. It ends with the state at until.
func Past(_ Config, _ []TargetInfo, _ iter.Seq[PastRecord], _ time.Time) ([]Attempt, []Delivery, error) {
	return nil, nil, nil
}
