package core

import (
	"cmp"
	"io"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// snapshotKind is the name of the content in a snapshot of a Detector.
	snapshotKind = "the detector"
	// SnapshotFormat is the format of a snapshot of a Detector. It is raised when the content
	// changes. No other format is read.
	SnapshotFormat = 2
)

// Snapshot writes the state between two calls of Apply and CloseWindow, including the records of
// the open window. It changes nothing. The same state gives the same octets. Do not call it while
// Apply or CloseWindow runs.
func (d *Detector) Snapshot(w io.Writer) error {
	c := snapshot.NewWriter(w, snapshotKind, SnapshotFormat)
	d.code(c)
	return c.Close()
}

// Restore reads a snapshot into a new detector of the same configuration. It reads nothing beyond
// the end of the snapshot. After an error the detector cannot be used. An error about the content
// wraps snapshot.ErrInvalid.
func (d *Detector) Restore(r io.Reader) error {
	c := snapshot.NewReader(r, snapshotKind, SnapshotFormat)
	d.code(c)
	return c.Close()
}

// code writes or reads the state. State that follows from the configuration, or from the rest, is
// left out.
func (d *Detector) code(c *snapshot.Coder) {
	c.Part("names")
	snapshot.Bool(c, &d.trimmed)
	d.owners.code(c)
	d.geography.code(c)
	c.Part("watch lists")
	d.watch.Code(c)
	for _, f := range d.families {
		c.Part("table " + f.family.String())
		f.rib.Code(c)
		c.Part("panel " + f.family.String())
		f.codePanel(c)
	}
	c.Part("collectors")
	snapshot.Map(c, &d.collectors, cmp.Compare[string], snapshot.Text[string], snapshot.Of(d.codeCollector))
	for _, f := range d.families {
		if c.Err() != nil {
			return
		}
		c.Part("visibility " + f.family.String())
		f.vis.Code(c, d.watch.Lists(), f.panel.Voters())
		c.Part("outages " + f.family.String())
		f.engine.Code(c)
		c.Part("family " + f.family.String())
		f.code(c)
	}
}

func (o *owners) code(c *snapshot.Coder) {
	for _, names := range []*map[bgp.ASN]string{&o.names, &o.staged} {
		snapshot.NumberMap(c, names, 1<<32, snapshot.Text)
	}
}

func (g *geography) code(c *snapshot.Coder) {
	encoded := g.encoded
	snapshot.Octets(c, &encoded)
	snapshot.Octets(c, &g.staged)
	if c.Reading() && encoded != nil {
		if err := g.take(encoded); err != nil {
			c.Fail("a geography that cannot be decoded: %v", err)
		}
	}
}

// codePanel writes or reads the panel.
func (f *familyState) codePanel(c *snapshot.Coder) {
	f.panel.Code(c, f.rib.Len())
	if n := len(f.panel.Voters().Mask); n > f.rib.Words() {
		c.Fail("voters in %d words of slots, with %d words", n, f.rib.Words())
	}
}

// code writes or reads the state of a family without its table, panel, visibility and events.
func (f *familyState) code(c *snapshot.Coder) {
	snapshot.Bool(c, &f.swept)
	snapshot.Uint(c, &f.refused)
	f.judging.code(c)
	snapshot.Map(c, (*map[rib.Key]cover)(&f.covers), cmp.Compare[rib.Key], snapshot.Uint, codeCover)
	f.verdicts.code(c)
}

func compareKeys(a, b outage.Key) int {
	return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Code, b.Code))
}

func (j *judging) code(c *snapshot.Coder) {
	snapshot.Text(c, &j.knowledge)
	outage.CodeSample(c, &j.world)
	snapshot.Bool(c, &j.all)
	snapshot.Map(c, &j.places, compareKeys, outage.CodeKey, snapshot.Bool)
	if c.Reading() && j.places == nil && j.knowledge != bgp.TablesUndecided {
		c.Fail("no places that are judged")
	}
}

func codeCover(c *snapshot.Coder, v *cover) {
	snapshot.Uint(c, &v.length)
	snapshot.Uint(c, &v.origin)
}

func (v *verdicts) code(c *snapshot.Coder) {
	snapshot.Int(c, &v.first)
	snapshot.Int(c, &v.last)
	snapshot.Int(c, &v.minutes)
	snapshot.Int(c, &v.possible)
	snapshot.Int(c, &v.row)
	snapshot.Bool(c, &v.inRow)
	snapshot.Int(c, &v.peers)
	snapshot.Pointer(c, &v.best, snapshot.Votes)
	snapshot.Map(c, &v.lacking, cmp.Compare[bgp.NoVerdict], snapshot.Text, snapshot.Of(codeUndecided))
	snapshot.Text(c, &v.why)
	snapshot.Votes(c, &v.votes)
	snapshot.Map(c, &v.struck, bgp.PeerKey.Compare, snapshot.PeerKey, snapshot.Text[panel.Reason])
}

func codeUndecided(c *snapshot.Coder, v *Undecided) {
	snapshot.Text(c, &v.Reason)
	snapshot.Int(c, &v.Minutes)
	snapshot.Votes(c, &v.Best)
	snapshot.Slice(c, &v.Peers, codeReasonCount)
}

func codeReasonCount(c *snapshot.Coder, v *panel.ReasonCount) {
	snapshot.Text(c, &v.Reason)
	snapshot.Int(c, &v.Peers)
}
