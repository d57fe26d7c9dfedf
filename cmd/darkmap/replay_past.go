package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/past"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/progress"
	"github.com/darkmap/darkmap/internal/timespan"
)

// pastFlags choose the part of the past to replay.
type pastFlags struct {
	Collectors    []string `help:"Without files: these collectors, as ris/rrc00 or route-views2 (default: enough for a panel)." placeholder:"NAME,..."`
	AllCollectors bool     `help:"Without files: every collector of the archives."`
	DryRun        bool     `help:"Without files: only say what would be fetched."`
}

// checkPast fails for flags that must not be used together with files, or that are missing without.
func (c *replayCmd) checkPast() error {
	switch {
	case len(c.Files) > 0 && (len(c.Collectors) > 0 || c.AllCollectors || c.DryRun):
		return errors.New("--collectors, --all-collectors and --dry-run are about the archives: name no files then")
	case len(c.Files) == 0 && (c.From == "" || c.To == ""):
		return errors.New("nothing is named to be replayed: name files, or a time with --from and --to")
	case len(c.Collectors) > 0 && c.AllCollectors:
		return errors.New("--collectors names some, --all-collectors means all: give one of them")
	}
	return nil
}

// request returns the request that the flags describe. The end of the span is exact here; a date
// means the whole day.
func (c *replayCmd) request(cfg *configuration) (past.Request, error) {
	panel := cfg.Detect.Core.Panel
	req := past.Request{
		All:   c.AllCollectors,
		Panel: past.Panel{Voters: panel.MinVoters, Collectors: panel.MinCollectors},
	}
	var err error
	if req.From, req.To, err = timespan.ParseWindow(c.From, c.To, false); err != nil {
		return req, err
	}
	for _, text := range c.Collectors {
		name, err := past.ParseCollector(text)
		if err != nil {
			return req, fmt.Errorf("--collectors %s: %w", text, err)
		}
		req.Collectors = append(req.Collectors, name)
	}
	return req, nil
}

// fetch finds the files of the time in the archives, prints how many they are, and fetches them.
// With --dry-run it only prints.
func (c *replayCmd) fetch(ctx context.Context, g *globals, cfg *configuration) (*past.Fetched, error) {
	req, err := c.request(cfg)
	if err == nil {
		err = cfg.Ingest.Archive.CheckFiles()
	}
	if err != nil {
		return nil, usageError(err)
	}
	if err := g.nameArchiveCache(cfg); err != nil {
		return nil, err
	}
	a := cfg.Ingest.Archive
	finder, err := archive.NewFinder(a, g.log)
	if err != nil {
		return nil, usageError(err)
	}
	fetcher, err := archive.NewFetcher(a, nil)
	if err != nil {
		return nil, err
	}
	asked := g.line.Busy("asking " + a.Where() + " for files")
	selection, err := past.Find(ctx, finder, req)
	asked()
	if err != nil {
		return nil, notFound(ctx, a, err)
	}
	for _, note := range selection.Notes {
		fmt.Fprintln(g.stderr, "darkmap:", note)
	}
	if c.DryRun {
		return nil, c.tellSelection(g.stdout, selection, fetcher)
	}
	for _, line := range selection.Lines(fetcher) {
		fmt.Fprintln(g.stderr, "darkmap:", line)
	}
	return c.bring(ctx, g, selection, past.Deps{
		Fetcher: fetcher, CacheBytes: a.CacheBytes, Parallel: a.Parallel,
		Said: func(s string) { fmt.Fprintln(g.stderr, "darkmap:", s) },
	})
}

// notFound adds advice to err if the index cannot be asked, or has no file of the time.
func notFound(ctx context.Context, a archive.Config, err error) error {
	switch {
	case ctx.Err() != nil:
		return interruptedError{"interrupted before anything was fetched"}
	case errors.Is(err, past.ErrNothing) && a.Directory != "":
		return usageError(fmt.Errorf("%w. ingest.archive.directory names a folder that is laid out as "+
			"the archives are, with paths as rrc00/2014.12/updates.20141222.1200.gz: "+
			"%s has no such file of this time", err, a.Directory))
	case errors.Is(err, past.ErrNothing):
		return usageError(fmt.Errorf("%w: %s has no file of it", err, a.Where()))
	case errors.Is(err, archive.ErrNoArchive), errors.Is(err, archive.ErrTooMany):
		return usageError(err)
	case a.Directory == "" && a.Index == "":
		return fmt.Errorf("the BGPKIT Broker cannot be asked which files there are: %w. Without it, "+
			"ingest.archive.directory names a folder that is laid out as the archives are, "+
			"ingest.archive.index a list of files (docs/feeds.md, Archives)", err)
	}
	return err
}

// bring fetches the files behind a line of progress.
func (c *replayCmd) bring(
	ctx context.Context, g *globals, s *past.Selection, d past.Deps,
) (*past.Fetched, error) {
	size := s.Size(d.Fetcher)
	rest := max(size.Remote-size.Here, 1)
	stop := g.line.Follow(func(running time.Duration) string {
		text := "fetching: " + progress.Transfer(min(d.Fetcher.Received(), rest-1), rest, running)
		if n := d.Fetcher.Waiting(); n > 0 {
			text += fmt.Sprintf("; another process with the same cache fetches %s of these", bgp.Count(n, "file"))
		}
		return text
	})
	fetched, err := s.Fetch(ctx, d)
	stop()
	switch {
	case ctx.Err() != nil:
		return nil, interruptedError{
			"interrupted while fetching: what is here is kept, and the same command goes on",
		}
	case errors.Is(err, past.ErrTooLarge):
		return nil, usageError(fmt.Errorf(
			"%w: choose a shorter time or fewer collectors, or let it have more", err,
		))
	}
	return fetched, err
}

// selectionJSON is a selection as an object.
type selectionJSON struct {
	From       time.Time      `json:"from"`
	To         time.Time      `json:"to"`
	Files      int            `json:"files"`
	Octets     int64          `json:"octets"`
	Unknown    int            `json:"files_of_unknown_size"`
	OctetsHere int64          `json:"octets_here"`
	Collectors []selectedJSON `json:"collectors"`
}

type selectedJSON struct {
	Collector string   `json:"collector"`
	Table     string   `json:"table,omitempty"`
	Tables    int      `json:"later_tables"`
	Updates   int      `json:"update_files"`
	Octets    int64    `json:"octets"`
	NotListed []string `json:"not_listed,omitempty"`
}

// tellSelection prints the files that would be fetched.
func (c *replayCmd) tellSelection(w io.Writer, s *past.Selection, f *archive.Fetcher) error {
	if c.Format != formatJSON {
		_, err := fmt.Fprintln(w, strings.Join(s.Lines(f), "\n"))
		return err
	}
	size := s.Size(f)
	o := selectionJSON{
		From: s.From, To: s.Until, Files: size.Files,
		Octets: size.Octets, Unknown: size.Unknown, OctetsHere: size.Here,
	}
	for i := range s.Sources {
		src := &s.Sources[i]
		x := selectedJSON{
			Collector: src.Name, Tables: len(src.Further), Updates: len(src.Updates), Octets: src.Size(f).Octets,
		}
		if src.Table != nil {
			x.Table = archive.Shown(src.Table.URL)
		}
		for _, m := range src.Missing {
			x.NotListed = append(x.NotListed, m.Name)
		}
		o.Collectors = append(o.Collectors, x)
	}
	return json.NewEncoder(w).Encode(o)
}
