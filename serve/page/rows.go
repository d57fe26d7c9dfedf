package page

import (
	"fmt"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/outageview"
)

// maxRows bounds the incidents in a table.
const maxRows = 200

// row is an incident in a table.
type row struct {
	Name, Link string
	// Loss is the loss at the peak, Kind the kind of the loss, and How the way in which it ended.
	Loss, Kind, How string
	Start, End      time.Time
	Duration        string
	Family          string
	// Includes counts the outages that are folded into the incident.
	Includes string
	// Class is the severity, for the colour of the row's edge.
	Class string
}

// table is a table of incidents.
type table struct {
	Label string
	Rows  []row
	// Ended means that all incidents have ended.
	Ended bool
	// Includes means that some have others folded into them.
	Includes bool
	// More gives the number of incidents left out in a sentence, or is empty.
	More string
}

// table folds outages into incidents and lists them. It leaves out families that the page is not
// about.
func (a *asked) table(label string, entries []outagelog.Entry, ended bool) table {
	var all []bgp.Outage
	for _, e := range entries {
		if a.shows(e.Outage.Family) {
			all = append(all, e.Outage)
		}
	}
	return a.incidents(label, outageview.Fold(all), ended)
}

// incidents lists incidents.
func (a *asked) incidents(label string, all []outageview.Incident, ended bool) table {
	t := table{Label: label, Ended: ended}
	if len(all) > maxRows {
		t.More = fmt.Sprintf("The table has the first %d of %s.", maxRows, bgp.Count(len(all), "incident"))
		all = all[:maxRows]
	}
	for _, in := range all {
		r := a.row(in.Outage)
		r.Includes = in.Includes()
		t.Includes = t.Includes || r.Includes != ""
		t.Rows = append(t.Rows, r)
	}
	return t
}

// row returns the row of one outage.
func (a *asked) row(o bgp.Outage) row {
	r := row{
		Name: entityName(o.Entity), Link: a.LinkOutage(o.ID), Loss: outageview.Loss(o),
		Kind: outageview.Kind(o), How: outageview.Ended(o, a.successor(o)), Start: o.Start,
		Duration: bgp.DurationText(time.Duration(o.DurationSeconds) * time.Second),
		Family:   familyTitle(o.Family), Class: string(o.Severity),
	}
	if o.End != nil {
		r.End = *o.End
	}
	if o.Entity.Type == bgp.EntityPrefix {
		r.Name = outageview.Entity(o)
	}
	return r
}

// successor returns the event that continues an outage, or nil if the page does not know it.
func (a *asked) successor(o bgp.Outage) *bgp.Outage {
	if e, ok := a.Snapshot.Find(o.Successor); ok {
		return &e.Outage
	}
	return nil
}
