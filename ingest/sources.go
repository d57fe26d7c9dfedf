package ingest

import (
	"time"

	"github.com/darkmap/darkmap/ingest/bmp"
)

// clock is the one that feeds are measured against.
func (r *running) clock() func() time.Time { return r.d.Now }

// openSources makes the sources that the configuration names; nothing runs yet. Owners are those whose collectors are shared out.
func (r *running) openSources() ([]owner, error) {
	var owners []owner
	r.answers = newNoArchive()
	station, err := bmp.New(r.cfg.BMP, bmp.Deps{Log: r.d.Log, Registerer: r.d.Registerer, Streams: r.set})
	if err != nil {
		return nil, err
	}
	r.station = station
	r.sources = append(r.sources, station)
	return owners, nil
}

// tables is how far the answers to gaps have come.
func (r *running) tables() Tables { return Tables{} }
