package core

import (
	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/internal/bgp"
)

// originCollectors is the number of collectors on which voters must hold a listed prefix from an
// unexpected origin. It is fewer if a verdict needs fewer collectors.
const originCollectors = 2

// WatchConfig is the section detect.watch.
type WatchConfig struct {
	// How many voters must hold a listed prefix, or a more-specific of it, from an origin that its
	// watch list does not name, for an event of the kind origin. They must be on two collectors, or
	// on one where panel.min_collectors is 1.
	OriginVoters int `yaml:"origin_voters" min:"3" max:"1000000" result:"yes"`
}

// changeLists applies the changes of watch lists in a window that ends at end. Call it before
// anything of the window is decided.
func (d *Detector) changeLists(end int64) {
	changes := d.watch.Close(end)
	if len(changes) == 0 {
		return
	}
	lists := d.watch.Lists()
	for _, f := range d.families {
		var removed []outage.Key
		for _, c := range changes {
			if c.List == nil {
				removed = append(removed, outage.Key{Family: f.family, Type: bgp.EntityWatch, Code: c.Name})
			}
		}
		f.engine.Rebase(removed, f.vis.SetLists(lists, changes))
	}
}

// WatchNotes returns, in a sentence each, the faults of watch lists in the windows that closed
// since the last call: lists of which parts are missing. Faults of refused records are not among
// them.
func (d *Detector) WatchNotes() []string { return d.watch.TakeNotes() }
