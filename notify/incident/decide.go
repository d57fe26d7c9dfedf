package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// decide determines the next message of a delivery, its time, and the reason if it is held back.
func (e *Engine) decide(d *Delivery, now time.Time) {
	p := d.place
	if p == nil || d.Tombstone || d.Switch != nil || p.sending == d.Key() {
		return
	}
	before := d.mark()
	switch {
	case p.records() && d.Subject == target.SubjectOutage && len(d.Events) == 0:
		e.expire(d, now) // made when the target took incidents
	case p.records() && d.Subject == target.SubjectOutage:
		e.decideRecords(d, now)
	case d.Subject == target.SubjectStorm:
		e.decideStorm(d, now)
	case d.Subject == target.SubjectOutage:
		e.decideIncident(d, now)
	default:
		e.expire(d, now)
	}
	if d.Tombstone {
		return
	}
	e.park(d)
	d.repeats(now)
	p.schedule(d)
	if d.mark() != before {
		e.change(d)
	}
}

// mark holds the fields of a delivery that decisions change.
type mark struct {
	waiting                       Waiting
	due, heldUntil, opened, ended time.Time
	hold                          Hold
	held, dropped, parked, storm  string
	number                        uint64
	state                         bgp.State
	events, records               int
}

func (d *Delivery) mark() mark {
	m := mark{
		due: d.Due, heldUntil: d.HeldUntil, opened: d.Opened, ended: d.Ended, hold: d.Hold, held: d.Held,
		dropped: d.Dropped, parked: d.Parked, storm: d.Storm,
		number: d.Told.Number, state: d.Told.State, events: len(d.Events), records: len(d.Records),
	}
	if d.Waiting != nil {
		m.waiting = *d.Waiting
	}
	return m
}

// decideIncident decides on an incident of outages.
func (e *Engine) decideIncident(d *Delivery, now time.Time) {
	p := d.place
	r := p.route(d.Route)
	d.removeShort(now)
	s := d.standing(r, now)
	if d.FoldedInto != "" {
		s = standing{state: bgp.StateClosed, top: s.top, severity: s.severity}
	}
	d.timeline(&s)
	if active := len(s.active) > 0; active != d.active {
		if d.active = active; d.Storm != "" {
			e.touch(e.all[p.info.Name+"/"+d.Storm])
		}
	}
	e.wakeAt(d, s.waits)
	if s.goesOn {
		e.wakeAt(d, d.passesUntil(now))
	}
	d.Hold, d.Held, d.HeldUntil = NotHeld, "", time.Time{}
	want := d.wanted(&s, r, p.info.Traits.Style)
	switch {
	case s.state == untold && !s.waits.IsZero():
		d.Hold, d.HeldUntil = HoldMinutes, s.waits
		d.Held = fmt.Sprintf("it has to last %d min", r.Match.MinMinutes)
		d.unwait()
	case want == "":
		d.unwait()
		if len(d.Events) == 0 && r.Match.MinMinutes > 0 && d.Told.State == untold {
			d.Dropped = fmt.Sprintf("it ended before it had lasted %d min", r.Match.MinMinutes)
		}
		e.missed(d, r, &s, now)
		e.expire(d, now)
	default:
		e.holdOrSchedule(d, r, &s, want, now)
	}
}

// timeline records when the incident opened and ended.
func (d *Delivery) timeline(s *standing) {
	lasts := s.state == bgp.StateOpen || s.state == bgp.StateSuspected
	switch {
	case lasts && (d.Opened.IsZero() || !d.Ended.IsZero()):
		d.opens(latest(d.News, s.top.From))
	case s.state == bgp.StateClosed && !s.goesOn && d.Ended.IsZero():
		d.Ended = d.News
	}
}

// opens records that the incident starts to count, for the first time or again.
func (d *Delivery) opens(at time.Time) {
	d.Opened, d.Ended, d.Dropped = at, time.Time{}, ""
	p := d.place
	if p.opened = append(p.opened, d); len(p.opened)%1024 == 0 {
		p.opened = slices.DeleteFunc(p.opened,
			func(o *Delivery) bool { return o.Tombstone || !o.active && o.Opened.Before(at.Add(-time.Hour)) })
	}
}

// passesUntil returns the time until which the incident waits for successors of its superseded
// events.
func (d *Delivery) passesUntil(now time.Time) time.Time {
	var out time.Time
	for i := range d.Events {
		if ev := &d.Events[i]; ev.passing(now) {
			out = latest(out, ev.Seen.Add(passing))
		}
	}
	return out
}

// holdOrSchedule holds a message back or schedules it.
func (e *Engine) holdOrSchedule(d *Delivery, r *route, s *standing, want target.Kind, now time.Time) {
	p := d.place
	since := d.News
	due := now
	switch want {
	case target.Open:
		if d.Dropped != "" && !d.dropsNoMore(r, s) {
			d.unwait()
			return
		}
		since = d.Opened
		due = latest(d.Opened.Add(p.groupWait(r)), d.burst.over())
	case target.Update:
		if s.differs(d) < worse {
			due = d.News.Add(p.groupWait(r))
		}
	case target.Close, target.TakeBack, target.Notice, target.Test: // these do not wait
	}
	// The wait runs from the oldest news. A later change does not extend it.
	if d.Waiting != nil && d.Waiting.Kind == want {
		since = d.Waiting.Since
		if d.Due.Before(due) && d.Attempts == 0 {
			due = d.Due
		}
	}
	if e.holds(d, r, s, want, now) {
		d.unwait()
		return
	}
	if want == target.Open && due.After(now) {
		d.Hold, d.Held, d.HeldUntil = HoldGroup, "it waits for wider events", due
		if p.groupWait(r) == 0 {
			d.Held = "it waits for what else is decided in its minute"
		}
		d.unwait()
		e.wakeAt(d, due)
		return
	}
	if want == target.Open && e.storms(d, r, now) {
		d.unwait()
		return
	}
	d.await(want, since, due)
}

// await schedules a message. If an attempt was made for a message of another kind, the new one gets
// its own number.
func (d *Delivery) await(want target.Kind, since, due time.Time) {
	if d.Waiting == nil || d.Waiting.Kind != want || d.Parked != "" && d.News.After(d.ParkedNews) {
		d.unwait()
		d.Waiting = &Waiting{Kind: want, Since: since}
	}
	if d.Attempts == 0 {
		d.Due = due
	}
}

// unwait removes the waiting message.
func (d *Delivery) unwait() {
	if d.Waiting == nil {
		return
	}
	if d.Attempts > 0 {
		d.Told.Number++ // the target may have seen the number
	}
	d.Waiting, d.Attempts, d.Due, d.Parked, d.Intent = nil, 0, time.Time{}, "", nil
}

// holds reports whether a silence, quiet hours or a digest hold a message back.
func (e *Engine) holds(d *Delivery, r *route, s *standing, want target.Kind, now time.Time) bool {
	p := d.place
	ends := want == target.Close || want == target.TakeBack
	if r.digest != nil {
		d.Hold, d.Held, d.HeldUntil = HoldDigest, "it goes into the digest", r.digest.next(p.lastDigest(r))
		return true
	}
	if sil := e.silenced(d, s, now); sil != nil && !ends {
		d.Hold, d.HeldUntil = HoldSilence, sil.Until
		d.Held, d.LateBecause = "silenced: "+sil.words(), "it was silenced"
		e.wakeAt(d, sil.Until)
		return true
	}
	until := r.quiet.until(now, s.severity)
	if until.IsZero() || ends && (p.info.Traits.Style == target.Pager || p.info.Traits.Style == target.Feed) {
		return false
	}
	d.Hold, d.Held, d.HeldUntil, d.LateBecause = HoldQuiet, "quiet hours", until, "quiet hours"
	if r.quiet.drop && want == target.Open {
		d.Dropped = "it began in quiet hours that drop what begins in them"
	}
	e.wakeAt(d, until)
	return true
}

// dropsNoMore reports whether a dropped incident is sent after all, because its severity is now
// excepted from the quiet hours.
func (d *Delivery) dropsNoMore(r *route, s *standing) bool {
	if r.quiet == nil || slices.Contains(r.quiet.except, string(s.severity)) {
		d.Dropped = ""
		return true
	}
	d.Hold, d.Held = HoldQuiet, d.Dropped
	return false
}

// missed decides on an incident that ended before its target got its first message. If the incident
// ended during the wait for wider events, or was silenced, no message is sent. Otherwise a chat
// gets one line with the reason for the delay, and pagers and feeds get nothing.
func (e *Engine) missed(d *Delivery, r *route, s *standing, now time.Time) {
	p := d.place
	if d.Told.State != untold || s.state != bgp.StateClosed || s.goesOn || d.Dropped != "" ||
		d.FoldedInto != "" || d.Storm != "" || d.Ended.IsZero() || r.digest != nil {
		if r.digest != nil && s.state == bgp.StateClosed && d.Told.State != bgp.StateClosed {
			d.Hold, d.Held, d.HeldUntil = HoldDigest, "it goes into the digest", r.digest.next(p.lastDigest(r))
		}
		return
	}
	switch {
	case d.Ended.Sub(d.Opened) <= p.groupWait(r) && d.LastError == "":
		d.Dropped = "it was over before the wait for wider events ended"
	case e.wasSilenced(d, s):
		d.Dropped = "it was over while it was silenced"
	case p.info.Traits.Style != target.Chat:
		d.Dropped = "it was over before this target could be told"
	case now.Sub(d.Ended) > p.maxAge():
		d.Dropped = "it was over before this target could be told, and is older than max_age"
		e.say("%s is not told of %s, which began and ended while nothing was sent: it is older than max_age",
			p.info.Name, d.Incident)
	default:
		d.Dropped = "it was over before this target could be told: told late in one line"
		e.tellMissed(d, r, s, now)
	}
}

// maxAge returns the age from which news counts as late. Targets of records get no record that is
// older.
func (p *place) maxAge() time.Duration {
	if a := p.info.Traits.MaxAge; a > 0 {
		return a
	}
	switch p.info.Traits.Style {
	case target.Pager:
		return 15 * time.Minute
	case target.Records:
		return 75 * time.Hour
	case target.Chat, target.Feed:
	}
	return 6 * time.Hour
}

// expire drops a delivery once it has been over for long enough.
func (e *Engine) expire(d *Delivery, now time.Time) {
	if d.active || d.Waiting != nil && d.Parked == "" || d.Subject == target.SubjectOutage && d.knows() {
		return
	}
	end := latest(d.News, d.Told.At, d.Began).Add(keep)
	if d.Subject == target.SubjectBlind && d == d.place.blind || d.Subject == target.SubjectStorm &&
		d == d.place.storm {
		return
	}
	if !now.Before(end) {
		e.drop(d)
		return
	}
	e.wakeAt(d, end)
	// The bodies provide texts for a close that may be sent again. The records stay on
	// bgp.outages.v1.
	for i := range d.Events {
		if i > 0 && d.Waiting == nil {
			d.Events[i].Body = nil
		}
	}
}

// park gives up the waiting messages of a target that is switched off.
func (e *Engine) park(d *Delivery) {
	if d.Waiting == nil && len(d.Records) == 0 {
		return
	}
	const off = "the target is switched off: "
	switch why := d.place.off(); {
	case why != "" && d.Parked == "":
		d.Parked, d.ParkedNews = off+why, d.News
		e.say("%s is not told of %s: %s", d.Target, d.Incident, d.Parked)
	case why == "" && strings.HasPrefix(d.Parked, off):
		d.Parked = ""
	}
}

// repeats schedules the repetitions of an open incident, and of a close for a quarter of an hour.
func (d *Delivery) repeats(now time.Time) {
	every := d.place.info.Traits.Resend
	open := d.Told.State == bgp.StateOpen || d.Told.State == bgp.StateSuspected
	closing := d.Told.State == bgp.StateClosed && d.Told.Number > 0 && now.Sub(d.Told.At) < resendClose
	if every <= 0 || d.Told.At.IsZero() && !d.Adopted || !open && !closing {
		d.repeat = time.Time{}
		return
	}
	if d.repeat.IsZero() {
		d.repeat = latest(d.Told.At.Add(every), now)
	}
}

// resendClose is the time during which a close is repeated to a target that takes repetitions.
const resendClose = 15 * time.Minute
