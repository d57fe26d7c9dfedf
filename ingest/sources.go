package ingest

import (
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/bootstrap"
	"github.com/darkmap/darkmap/ingest/follow"
	"github.com/darkmap/darkmap/ingest/rislive"
	"github.com/darkmap/darkmap/ingest/routeviews"
)

// clock returns the clock to which feeds are compared. When only archives are followed, it is late
// by their delay.
func (r *running) clock() func() time.Time {
	if !r.d.Follow {
		return r.d.Now
	}
	return func() time.Time { return r.d.Now().Add(-r.cfg.Follow.Delay) }
}

// openSources creates the configured sources. It starts none. It returns the sources whose
// collectors are shared among the replicas.
func (r *running) openSources() ([]owner, error) {
	finder, fetcher, err := r.openArchives()
	if err != nil {
		return nil, err
	}
	var owners []owner
	switch {
	case r.d.Follow:
		f, err := follow.New(r.cfg.Follow, follow.Deps{
			Registerer: r.d.Registerer, Streams: r.set, Finder: finder, Fetcher: fetcher, Now: r.clock(),
			DeadLetter: r.set.DeadLetter,
		})
		if err != nil {
			return nil, err
		}
		owners = append(owners, f)
	case r.cfg.RISLive.Enabled:
		c, err := rislive.New(r.cfg.RISLive, rislive.Deps{
			Log: r.d.Log, Registerer: r.d.Registerer, Streams: r.set, Version: r.d.Version,
			Instance: r.d.Instance,
		})
		if err != nil {
			return nil, err
		}
		owners = append(owners, c)
	}
	for _, o := range owners {
		r.sources = append(r.sources, o)
	}
	if r.d.Follow {
		return owners, nil
	}
	if r.station, err = bmp.New(r.cfg.BMP, bmp.Deps{
		Log: r.d.Log, Registerer: r.d.Registerer, Streams: r.set, Drain: r.d.Drain / 2,
	}); err != nil {
		return nil, err
	}
	r.sources = append(r.sources, r.station)
	if !r.cfg.RouteViews.Enabled {
		return owners, nil
	}
	rv, err := routeviews.New(r.cfg.RouteViews, routeviews.Deps{
		Log: r.d.Log, Registerer: r.d.Registerer, Streams: r.set, Updates: r.updates, Instance: r.d.Instance,
		Installation: r.id, Drain: r.d.Drain / 2,
	})
	if err != nil {
		return nil, err
	}
	r.sources = append(r.sources, rv)
	return owners, nil
}

// openArchives opens the archives and creates the worker that answers gaps from them. finder and
// fetcher are nil if no archive is used.
func (r *running) openArchives() (finder archive.Finder, fetcher *archive.Fetcher, err error) {
	if !r.cfg.Archives && !r.d.Follow {
		r.answers = newNoArchive()
		return nil, nil, nil
	}
	if finder, err = archive.NewFinder(r.cfg.Archive, r.d.Log); err != nil {
		return nil, nil, err
	}
	if fetcher, err = archive.NewFetcher(r.cfg.Archive, r.d.Registerer); err != nil {
		return nil, nil, err
	}
	worker, err := bootstrap.New(r.cfg.Bootstrap, bootstrap.Deps{
		Log: r.d.Log, Registerer: r.d.Registerer, Finder: finder, Fetcher: fetcher, Now: r.clock(),
		Wait: r.backlog.Wait, Progress: r.tables.note,
		DeadLetter: r.set.DeadLetter,
	})
	if err != nil {
		return nil, nil, err
	}
	r.answers = worker
	return finder, fetcher, nil
}
