package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/enrich/dated"
	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/internal/fetch"
	"github.com/darkmap/darkmap/internal/timespan"
)

// chooseData sets in the configuration the files of locations and AS data of a time. The zero time
// is the present. Default data that cannot be fetched are reported and left out: then only entities
// by origin AS remain.
func (g *globals) chooseData(
	ctx context.Context, c *configuration, at time.Time,
) (dated.Choice, dated.Inputs, error) {
	return g.chooseDataOf(c, at, func(item fetch.Item) (string, bool) { return g.fetched(ctx, item) })
}

// chooseHere does the same as chooseData for the present, but fetches nothing. It returns the names
// of default data that were never fetched.
func (g *globals) chooseHere(c *configuration) (missing []string, err error) {
	_, _, err = g.chooseDataOf(c, time.Time{}, func(item fetch.Item) (string, bool) {
		dir, err := fetch.Dir(g.CacheDir, item)
		if err != nil {
			missing = append(missing, item.Name)
		}
		return dir, err == nil
	})
	return missing, err
}

// chooseDataOf does the same as chooseData. find returns the folder of an item of default data.
func (g *globals) chooseDataOf(
	c *configuration, at time.Time, find func(fetch.Item) (string, bool),
) (dated.Choice, dated.Inputs, error) {
	in, err := g.datedInputs(c, find)
	if err != nil {
		return dated.Choice{}, in, err
	}
	choice, err := dated.Choose(in, at)
	if err != nil {
		return choice, in, usageError(fmt.Errorf("enrich.snapshots.directory: %w", err))
	}
	c.Enrich = withChoice(c.Enrich, choice)
	return choice, in, nil
}

// withChoice returns the section enrich with the chosen files.
func withChoice(c enrich.Config, choice dated.Choice) enrich.Config {
	c.Geo.Files, c.ASN.Files, c.OriginsApart = choice.Places.Places, choice.Owners.Owners, choice.Apart()
	return c
}

// datedInputs returns the data to choose from: those of the configuration and the default data.
// find returns the folder of an item of default data.
func (g *globals) datedInputs(
	c *configuration, find func(fetch.Item) (string, bool),
) (dated.Inputs, error) {
	dir, err := g.snapshotsDir(c)
	day := fetch.Delegations.Day()
	return dated.Inputs{
		Dir: dir, Configured: c.Enrich.Snapshots.Directory != "",
		Listed:     dated.Data{Places: c.Enrich.Geo.Files, Owners: c.Enrich.ASN.Files},
		DefaultDay: day, Now: time.Now,
		DefaultPlaces: func() (d dated.Data) {
			if dir, ok := find(fetch.Delegations); ok {
				for _, f := range fetch.Delegations.Files {
					d.Places = append(d.Places, geo.File{Path: filepath.Join(dir, f.Name), Kind: geo.KindDelegation})
				}
			}
			if dir, ok := find(fetch.Country); ok {
				d.Places = append(d.Places, geo.File{Path: filepath.Join(dir, fetch.Country.Files[0].Name)})
			}
			return d
		},
		DefaultOwners: func() (d dated.Data) {
			if dir, ok := find(fetch.ASN); ok {
				for _, f := range fetch.ASN.Files {
					d.Owners = append(d.Owners, filepath.Join(dir, f.Name))
				}
			}
			return d
		},
	}, err
}

// snapshotsDir returns the folder of dated snapshots.
func (g *globals) snapshotsDir(c *configuration) (string, error) {
	if c.Enrich.Snapshots.Directory != "" {
		return c.Enrich.Snapshots.Directory, nil
	}
	dir, err := g.cacheDir()
	return filepath.Join(dir, "snapshots"), err
}

// fetched returns the folder of the item. It fetches the item if it is missing.
func (g *globals) fetched(ctx context.Context, item fetch.Item) (string, bool) {
	dir, err := fetch.Ensure(ctx, g.CacheDir, item, g.line)
	if ctx.Err() != nil { // the command ends
		return "", false
	}
	if err != nil {
		fmt.Fprintf(g.stderr, "darkmap: going on without %s: %v\n", item.Name, err)
		return "", false
	}
	return dir, true
}

// openSources opens the files of the present. Later it opens newer snapshots as they appear.
func (g *globals) openSources(ctx context.Context, c *configuration) (*enrich.Sources, error) {
	choice, in, err := g.chooseData(ctx, c, time.Time{})
	if err != nil {
		return nil, err
	}
	g.logChoice(choice)
	sources, err := enrich.OpenSources(c.Enrich, g.log)
	if err != nil {
		return nil, err
	}
	next := dated.Follow(in, choice)
	sources.Follow(func() (enrich.Config, error) {
		now, err := next()
		if !slices.Equal(now.Files(), choice.Files()) || !slices.Equal(now.Notes, choice.Notes) {
			choice = now
			g.logChoice(choice)
		}
		return withChoice(c.Enrich, now), err
	})
	return sources, nil
}

// openSourcesOf opens the files that were valid on a day. An empty date means the present.
func (g *globals) openSourcesOf(ctx context.Context, c *configuration, date string) (*enrich.Sources, error) {
	if date == "" {
		return g.openSources(ctx, c)
	}
	day, err := parseDay("--geo-date", date)
	if err != nil {
		return nil, err
	}
	choice, _, err := g.chooseData(ctx, c, day)
	if err != nil {
		return nil, err
	}
	g.logChoice(choice)
	for _, line := range choice.Says(day, day) {
		g.log.Warn("geography by date", "note", line)
	}
	return enrich.OpenSources(c.Enrich, g.log)
}

// logChoice logs the notes on data that were left out, and the chosen files.
func (g *globals) logChoice(choice dated.Choice) {
	for _, note := range choice.Notes {
		g.log.Warn("geography by date", "note", note)
	}
	g.log.Info("locations and AS data chosen", "files", choice.Files())
}

// parseDay parses the value of a flag that names a day.
func parseDay(flag, text string) (time.Time, error) {
	t, lasts, err := timespan.Parse(text)
	if err != nil || lasts != timespan.Day {
		return t, usageError(fmt.Errorf("%s %s: want a day, as 2022-02-24", flag, text))
	}
	return t, nil
}

// bringSnapshot fetches the geography of a day.
func (g *globals) bringSnapshot(ctx context.Context, date string) error {
	day, err := parseDay("--geo-date", date)
	if err != nil {
		return err
	}
	if day.After(g.began) {
		return usageError(fmt.Errorf("--geo-date %s: the day lies in the future", date))
	}
	cfg, err := g.configuration()
	if err != nil {
		return err
	}
	if err := g.nameArchiveCache(cfg); err != nil {
		return err
	}
	dir, err := g.snapshotsDir(cfg)
	if err != nil {
		return err
	}
	fetcher, err := archive.NewFetcher(cfg.Ingest.Archive, nil)
	if err != nil {
		return err
	}
	get := func(ctx context.Context, url string) (string, func(), error) {
		defer g.line.Busy("fetching " + archive.Shown(url))()
		local, err := fetcher.Get(ctx, archive.File{URL: url})
		if err != nil {
			if errors.Is(err, archive.ErrNotFound) {
				err = fmt.Errorf("%w: %w", dated.ErrNotFound, err)
			}
			return "", nil, err
		}
		return local.Path, local.Discard, nil
	}
	path, err := dated.Bring(
		ctx, dir, day, cfg.Enrich.Snapshots.Fetched(), get,
		func(s string) { fmt.Fprintln(g.stderr, "darkmap:", s) },
	)
	if ctx.Err() != nil {
		return interruptedError{"interrupted while fetching: what is here is kept, and the same command goes on"}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(g.stdout, "geography\t%s\t%s\n", day.Format(time.DateOnly), path)
	return err
}
