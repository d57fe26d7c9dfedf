package incident

import (
	"hash/fnv"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// retries are the waits before the attempts after the first one, as in Standard Webhooks.
var retries = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour,
	14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// minThrottle is the pause for a target that throttles without naming a time. maxThrottle is the
// longest pause that a target may ask for.
const (
	minThrottle = 30 * time.Second
	maxThrottle = 24 * time.Hour
)

// Attempt is one attempt to send a message.
type Attempt struct {
	Target  string
	Message *target.Message
	Handle  target.Handle
	// Number is the number of the attempt, from 1.
	Number int
	// Doubtful means that an earlier attempt was started and had no answer. A target that is not
	// keyed may get the message twice. The caller counts such attempts.
	Doubtful bool
	// Repeat means that the message repeats the last sent state (Traits.Resend). The caller writes
	// no delivery before or after it.
	Repeat bool
	// Fetch is the record that the caller must read from bgp.outages.v1 and pass to Complete; nil
	// if the message contains the record. If the record is missing, the caller passes a Fault with
	// Refused to Done.
	Fetch *RecordRef

	key  string
	told Told
}

// Key returns the key of the attempt's delivery.
func (a *Attempt) Key() string { return a.key }

// free returns the time from which messages may be sent to the target again.
func (p *place) free() time.Time {
	at := p.throttled
	if i := p.info.Traits.Interval; i > 0 && !p.lastSent.IsZero() {
		at = latest(at, p.lastSent.Add(i))
	}
	return at
}

// Ready returns the messages that may be sent now: at most one for each target, and none for a
// target with an attempt in progress.
func (e *Engine) Ready(now time.Time) []Attempt {
	e.settle(now)
	var out []Attempt
	for _, name := range e.names {
		p := e.places[name]
		if !p.known || p.off() != "" || p.sending != "" || p.free().After(now) {
			continue
		}
		if x, ok := p.ready.first((*Delivery).nextSend); ok && !x.at.After(now) {
			out = append(out, e.attempt(x.d, now))
		}
	}
	return out
}

// attempt makes the next message of a delivery.
func (e *Engine) attempt(d *Delivery, now time.Time) Attempt {
	a := Attempt{Target: d.Target, Handle: d.Handle, Number: d.Attempts + 1, Doubtful: d.doubtful, key: d.Key()}
	switch {
	case d.Waiting != nil:
		a.Message, a.told = e.message(d, d.Waiting.Kind, now)
	case len(d.Records) > 0:
		ref := d.Records[0]
		a.Message, a.Fetch = e.recordMessage(d, &ref)
		a.told = Told{State: ref.State, Number: a.Message.Number, At: now}
	default:
		e.repeat(d, &a, now)
	}
	return a
}

// repeat makes a message of the last sent state, with the severity and the number of the last
// message.
func (e *Engine) repeat(d *Delivery, a *Attempt, now time.Time) {
	kind := target.Update
	if d.Told.State == bgp.StateClosed {
		kind = target.Close
	}
	a.Repeat = true
	a.Message, a.told = e.message(d, kind, now)
	a.Message.Number = d.Told.Number
	a.Message.ID = messageID(d.Key(), " ", d.seed(), " ", d.Told.Number)
	if d.Told.Severity != ungraded {
		a.Message.Severity = d.Told.Severity
	}
}

// Begin records the start of an attempt. The caller must write the returned delivery before it
// sends the message. It is nil for a Repeat.
func (e *Engine) Begin(a Attempt, now time.Time) *Delivery {
	d := e.all[a.key]
	if d == nil || d.place == nil {
		return nil
	}
	d.place.sending, d.place.lastSent = a.key, now
	if a.Repeat {
		return nil
	}
	d.Attempts++
	d.Intent = &Intent{
		MessageID: a.Message.ID, Number: a.Message.Number, Attempt: d.Attempts,
		Kind: a.Message.Kind, At: now, Said: a.told,
	}
	if len(d.Records) > 0 && d.Waiting == nil {
		d.Intent.Record = &d.Records[0]
	}
	return d
}

// end finds the delivery of a started attempt and allows the next attempt to start.
func (e *Engine) end(a *Attempt) *Delivery {
	d := e.all[a.key]
	if d == nil || d.place == nil {
		if p := e.places[a.Target]; p != nil && p.sending == a.key {
			p.sending = ""
		}
		return nil
	}
	d.place.sending, d.doubtful = "", false
	return d
}

// Cancel records that the message of an attempt was not sent, because the stage stops or another
// process has taken over. It returns the deliveries to be written.
func (e *Engine) Cancel(a Attempt, now time.Time) []*Delivery {
	d := e.end(&a)
	if d == nil || a.Repeat {
		return nil
	}
	d.Intent, d.Attempts = nil, max(d.Attempts-1, 0)
	e.decide(d, now)
	return e.written(d)
}

// Done records the answer of the target to an attempt. It returns the deliveries to be written.
func (e *Engine) Done(a Attempt, h target.Handle, err error, now time.Time) []*Delivery {
	d := e.end(&a)
	if d == nil {
		return nil
	}
	p := d.place
	if err == nil {
		p.lastError = ""
	} else {
		p.lastError = lineSize.Cut(line(err.Error()))
	}
	if f := target.FaultOf(err); f != nil && f.Throttle {
		p.throttled = now.Add(min(max(f.RetryAfter, minThrottle), maxThrottle))
		if f.RetryAfter > 0 {
			p.throttled = now.Add(min(f.RetryAfter, maxThrottle))
		}
	}
	switch {
	case a.Repeat:
		return e.repeated(d, err, now)
	case err == nil:
		e.succeeded(d, &a, h, now)
	default:
		e.failed(d, &a, err, now)
	}
	if d.Tombstone {
		return e.written(d)
	}
	e.decide(d, now)
	if f := target.FaultOf(err); f != nil && f.Gone {
		return e.written(d, p.state)
	}
	return e.written(d)
}

// written removes deliveries from those that Advance returns, because they are written now.
func (e *Engine) written(all ...*Delivery) []*Delivery {
	for _, d := range all {
		delete(e.changed, d.Key())
	}
	return all
}

// repeated processes the answer to a repeated message.
func (e *Engine) repeated(d *Delivery, err error, now time.Time) []*Delivery {
	every := d.place.info.Traits.Resend
	if err != nil {
		every = min(every, 15*time.Second)
	}
	d.repeat = now.Add(every)
	if f := target.FaultOf(err); f != nil && f.Gone {
		e.switchOff(d.place, err)
		return e.written(d.place.state)
	}
	d.repeats(now)
	d.place.schedule(d)
	return nil
}

// succeeded records that the target accepted the message.
func (e *Engine) succeeded(d *Delivery, a *Attempt, h target.Handle, now time.Time) {
	if h != nil {
		d.Handle = h
	}
	d.log(Sent{Number: a.Message.Number, Kind: a.Message.Kind, At: now, Answer: "ok"})
	d.LastError, d.LateBecause = "", ""
	if a.told.State != untold && d.Waiting == nil && len(d.Records) > 0 { // a record
		e.raws.remove(position{d.Records[0].Partition, d.Records[0].Offset})
		d.Told = a.told
		d.next()
		return
	}
	d.Told = a.told
	d.Waiting, d.Intent, d.Attempts, d.Due, d.Parked = nil, nil, 0, time.Time{}, ""
	d.repeat = time.Time{}
	if d.Subject == target.SubjectBlind && d.Told.State == bgp.StateClosed && d.place.blind == d {
		d.place.blind = nil
	}
}

// failed stores the error and the time of the next attempt.
func (e *Engine) failed(d *Delivery, a *Attempt, err error, now time.Time) {
	why := lineSize.Cut(line(err.Error()))
	d.LastError, d.Intent = why, nil
	d.log(Sent{Number: a.Message.Number, Kind: a.Message.Kind, At: now, Answer: why})
	f := target.FaultOf(err)
	if f == nil || f.Status == 0 && !f.Refused && !f.Gone {
		d.Told.Maybe = d.Told.Maybe || a.Message.Kind == target.Open
	}
	switch {
	case f != nil && f.Gone:
		e.switchOff(d.place, err)
	case f != nil && f.Refused && len(d.Records) > 0 && d.Waiting == nil:
		e.giveUp(d, "refused: "+why)
	case f != nil && f.Refused:
		d.Parked, d.ParkedNews = "refused: "+why, d.News
		e.say("%s refused a message of %s, which is parked: %s", d.Target, d.Incident, why)
	case f != nil && f.Throttle:
		// A request to wait does not count as a failed attempt.
		d.Attempts, d.Due = max(d.Attempts-1, 0), d.place.throttled
	default:
		e.again(d, a, f, now)
	}
}

// again schedules the next attempt, or gives up after the last one.
func (e *Engine) again(d *Delivery, a *Attempt, f *target.Fault, now time.Time) {
	waits := d.place.info.Traits.Retries
	if waits == nil {
		waits = retries
	}
	if d.Attempts > len(waits) {
		why := "given up after " + bgp.Count(d.Attempts, "attempt") + ": " + d.LastError
		if len(d.Records) > 0 && d.Waiting == nil {
			e.giveUp(d, why)
			return
		}
		d.Parked, d.ParkedNews = why, d.News
		e.say("%s is not told of %s: %s", d.Target, d.Incident, why)
		return
	}
	wait := jitter(waits[d.Attempts-1], a.Message.ID, d.Attempts)
	if f != nil {
		wait = max(wait, min(f.RetryAfter, maxThrottle))
	}
	d.Due = now.Add(wait)
}

// jitter changes a wait by up to a tenth. It derives from the message's id and the attempt, so it
// is the same in every run.
func jitter(wait time.Duration, id string, attempt int) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write(append([]byte(id), byte(attempt)))
	return wait + wait/10*time.Duration(int64(h.Sum32()%2001)-1000)/1000
}

// switchOff stops sending to a target until its configuration changes. Waiting messages are parked.
func (e *Engine) switchOff(p *place, err error) {
	p.state.Switch.Off, p.state.Switch.Revision = lineSize.Cut(line(err.Error())), p.info.Revision
	e.say("%s is switched off until its configuration changes: %s", p.info.Name, p.state.Switch.Off)
	e.change(p.state)
	for _, d := range e.all {
		if d.place == p && (d.Waiting != nil || len(d.Records) > 0) {
			e.touch(d)
		}
	}
}

// log keeps an answer.
func (d *Delivery) log(s Sent) {
	d.Log = append(d.Log, s)
	if n := len(d.Log) - maxLog; n > 0 {
		d.Log = slices.Clone(d.Log[n:])
	}
}
