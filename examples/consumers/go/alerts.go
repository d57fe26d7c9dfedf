package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// outage is what this program needs of a record (schemas/outage.schema.json has all of it).
type outage struct {
	ID       string `json:"id"`
	Sequence int    `json:"sequence"`
	State    string `json:"state"` // suspected, open, closed, retracted
	Severity string `json:"severity"`
	Dataset  string `json:"dataset"`
	Blip     bool   `json:"blip,omitempty"`
	// EndReason is set in the states closed and retracted. Only "recovered" means that the routes are back.
	EndReason string `json:"end_reason,omitempty"`
	Successor string `json:"successor,omitempty"`
	Headline  string `json:"headline"`
}

// ended tells whether the outage is over, for whatever reason.
func (o outage) ended() bool { return o.State == "closed" || o.State == "retracted" }

// known is what is remembered of an outage: its newest record, and the severity that people were told it has; empty where they were told nothing,
// or that it is over.
type known struct {
	Newest outage    `json:"newest"`
	Told   string    `json:"told,omitempty"`
	Seen   time.Time `json:"seen"`
}

// alert is what people are told.
type alert struct {
	Action   string `json:"action"` // open, update, close
	Key      string `json:"key"`    // the outage's id: the same from open to close
	Severity string `json:"severity"`
	// Back tells of a close whether the routes are back.
	Back bool   `json:"back"`
	Text string `json:"text"`
}

// state is what survives a restart, by outage id.
type state struct {
	path    string
	fresh   bool // there is no file yet
	outages map[string]*known
	changed map[string]bool // outages with records that nobody decided on
	newest  time.Time       // of all records
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
	for id := range s.outages { // a process that was killed may have told nobody of what it had written
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

// decide says what people have to be told of an outage: it follows from what they were told and from the newest state, never from `event`.
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
	default: // suspicions, what was over before anybody was told, changes that matter to nobody
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

// write keeps the state. What is over, and told, is forgotten after a day: no record of it comes a second time by then.
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
