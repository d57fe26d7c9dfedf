package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// outage holds the fields of a record that this program needs (schemas/outage.schema.json has all).
type outage struct {
	ID       string `json:"id"`
	Sequence int    `json:"sequence"`
	State    string `json:"state"` // suspected, open, closed, retracted
	Severity string `json:"severity"`
	Dataset  string `json:"dataset"`
	Blip     bool   `json:"blip,omitempty"`
	// EndReason is set in the states closed and retracted. Only "recovered" means that the routes
	// are back.
	EndReason string `json:"end_reason,omitempty"`
	Successor string `json:"successor,omitempty"`
	Headline  string `json:"headline"`
}

// ended reports whether the outage is over, for whatever reason.
func (o outage) ended() bool { return o.State == "closed" || o.State == "retracted" }

// known is the state kept for an outage. Told is the severity in the last alert. It is empty if no
// alert was sent, or if the last one was a close.
type known struct {
	Newest outage    `json:"newest"`
	Told   string    `json:"told,omitempty"`
	Seen   time.Time `json:"seen"`
}

// alert is the message that send passes on.
type alert struct {
	Action   string `json:"action"` // open, update, close
	Key      string `json:"key"`    // the outage's id: the same from open to close
	Severity string `json:"severity"`
	// Back reports, with action close, whether the routes are back.
	Back bool   `json:"back"`
	Text string `json:"text"`
}

// state is the state that survives a restart, by outage id.
type state struct {
	path    string
	fresh   bool // the file does not exist yet
	outages map[string]*known
	changed map[string]bool // outages with records that need a decision
	newest  time.Time       // newest record
}

// readState reads the file.
func readState(path string) (*state, error) {
	s := &state{path: path, outages: map[string]*known{}, changed: map[string]bool{}}
	b, err := os.ReadFile(path) //nolint:gosec // the user names it
	if errors.Is(err, os.ErrNotExist) {
		s.fresh = true
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s.outages)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	// A process that was killed may have written records without sending their alerts.
	for id := range s.outages {
		s.changed[id] = true
	}
	return s, nil
}

// take applies a record. A record that comes twice changes nothing.
func (s *state) take(o outage, at time.Time) {
	k := s.outages[o.ID]
	if k == nil {
		k = &known{}
		s.outages[o.ID] = k
	}
	if o.Sequence <= k.Newest.Sequence {
		return
	}
	k.Newest, k.Seen = o, at
	s.changed[o.ID] = true
	if at.After(s.newest) {
		s.newest = at
	}
}

// decide returns the alert that has to be sent for an outage, if any. The alert follows from the
// last alert and the newest state, never from `event`.
func (k *known) decide() (alert, bool) {
	o := k.Newest
	a := alert{Key: o.ID, Severity: o.Severity, Text: o.Headline}
	switch told := k.Told != ""; {
	case !told && o.State == "open" && !o.Blip:
		a.Action = "open"
	case told && o.State == "open" && o.Severity != k.Told:
		a.Action = "update"
	case told && o.ended():
		a.Action, a.Back = "close", o.EndReason == "recovered"
		if !a.Back {
			a.Text += " (over, and not back: " + o.EndReason + ")"
		}
		if o.Successor != "" {
			a.Text += " goes on as " + o.Successor
		}
	// No alert for suspicions, for outages that were over before their first alert, and for changes
	// that do not matter.
	default:
		return alert{}, false
	}
	return a, true
}

// tell decides on each outage that has changed, in order of ids.
func (s *state) tell(send func(alert) error) error {
	for _, id := range sortedKeys(s.changed) {
		k := s.outages[id]
		if a, ok := k.decide(); ok {
			if err := send(a); err != nil {
				return err
			}
			k.Told = a.Severity
			if a.Action == "close" {
				k.Told = ""
			}
		}
		delete(s.changed, id)
	}
	return nil
}

// write writes the state to the file. It forgets an outage a day after its end, if the alert on its
// end was sent: by then none of its records comes a second time.
func (s *state) write() error {
	for id, k := range s.outages {
		if k.Newest.ended() && k.Told == "" && s.newest.Sub(k.Seen) > 24*time.Hour {
			delete(s.outages, id)
		}
	}
	b, err := json.Marshal(s.outages)
	if err == nil {
		err = os.WriteFile(s.path+".new", b, 0o600)
	}
	if err == nil {
		err = os.Rename(s.path+".new", s.path)
	}
	if err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	s.fresh = false
	return nil
}
