package outageview

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Line returns one line about an event in the life of an outage, for a run that shows events as
// they come. find returns an outage of a dataset by its id; find may be nil.
func Line(in Incident, find func(dataset, id string) (bgp.Outage, bool)) string {
	o := in.Outage
	event := cmp.Or(string(o.Event), string(o.State))
	ended := (o.State == bgp.StateClosed || o.State == bgp.StateRetracted) && o.End != nil
	at := o.Start
	if ended {
		at = *o.End
	}
	parts := []string{
		fmt.Sprintf("%s  %-9s %s", at.UTC().Format("2006-01-02 15:04:05"), event, Entity(o)),
		familyText(o), text(kindCell(o)), text(lossCell(o)),
	}
	if o.State == bgp.StateClosed {
		var next *bgp.Outage
		if o.Successor != "" && find != nil {
			if x, ok := find(o.Dataset, o.Successor); ok {
				next = &x
			}
		}
		parts = append(parts, strings.TrimLeft(endedText(o, next)+" after "+durationText(o), " "))
	}
	if u := text(asCell(o.Upstreams)); u != "" {
		parts = append(parts, "upstream "+u)
	}
	if more := in.Includes(); more != "" {
		parts = append(parts, more)
	}
	return strings.Join(parts, ", ")
}
