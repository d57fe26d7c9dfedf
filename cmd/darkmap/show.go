package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/internal/querydoor"
	"github.com/darkmap/darkmap/internal/querystore"
	"github.com/darkmap/darkmap/internal/terminal"
	"github.com/darkmap/darkmap/internal/timespan"
)

const (
	// showWithin bounds the wait for the detector, which answers or refuses within two seconds.
	showWithin = 5 * time.Second
	// showEnded is how many ended outages are shown.
	showEnded = 5
)

// showCmd shows the state and the outages of one prefix, address, AS, country or region, or it
// shows one outage.
type showCmd struct {
	What     string    `arg:"" help:"A prefix, an address, an AS (AS64496 or 64496), a country (KP), a region (KP-01), or an outage's id."`
	Dataset  string    `help:"Ask the store about this dataset, not the running detector." placeholder:"NAME"`
	At       string    `help:"Ask the store how it stood at this time, UTC (2014-12-22T16:30, or a date); default the end of the dataset." placeholder:"TIME"`
	Detector adminAddr `help:"Ask the detector whose admin address this is, with the key of detect.door.key." placeholder:"HOST:PORT"`
	Limit    int       `help:"Entries of each list (default ${default}, at most 500)." default:"20" placeholder:"N"`
	Format   string    `help:"Form of the result: ${enum}." enum:"table,json" default:"table"`
}

// Run asks the running detector, or the store.
func (c *showCmd) Run(ctx context.Context, g *globals) error {
	q, err := query.Parse(c.What)
	if err != nil {
		return usageError(err)
	}
	at, _, err := timespan.Parse(c.At)
	switch {
	case err != nil:
		return usageError(fmt.Errorf("--at %w", err))
	case q.Kind == query.KindWatch:
		return usageError(fmt.Errorf("%s: `%s` shows watch lists", c.What, g.command("watch status")))
	case c.Dataset != "" && !datasetName.MatchString(c.Dataset):
		return usageError(fmt.Errorf(
			"--dataset %s: want at most 64 letters, digits, dots, underscores and hyphens", c.Dataset,
		))
	case c.Limit < 1 || c.Limit > query.MaxLimit:
		return usageError(fmt.Errorf("--limit %d: want a number from 1 to %d", c.Limit, query.MaxLimit))
	case c.Detector != "" && (c.Dataset != "" || c.At != ""):
		return usageError(errors.New(
			"--detector asks about the present: --dataset and --at, which ask the store, do not go with it",
		))
	case c.Detector != "" && q.Kind == query.KindOutage:
		return usageError(errors.New(
			"--detector: a detector does not answer by an outage's id; " +
				"without it the store or the running darkmap is asked",
		))
	case c.Dataset != "" || c.At != "":
		return c.stored(ctx, g, q, at)
	}
	return c.live(ctx, g, q)
}

// live asks the detector about the present, and adds the outages that have ended.
func (c *showCmd) live(ctx context.Context, g *globals, q query.Question) error {
	client, running, err := g.detector(
		c.Detector, "--detector HOST:PORT asks one elsewhere, and --dataset NAME asks the store",
	)
	if err != nil {
		return err
	}
	if q.Kind == query.KindOutage {
		return c.record(ctx, g, running, q)
	}
	limited, cancel := context.WithTimeout(ctx, showWithin)
	defer cancel()
	answer, err := askDetector(limited, client, q, c.Limit)
	if err != nil {
		return err
	}
	if t, code, ok := querystore.Subject(q, answer); ok && running != nil {
		past, err := g.outagesOf(limited, running, t, code)
		if err != nil { // the answer on the present does not depend on it
			fmt.Fprintln(g.stderr, "darkmap: outages that have ended are not shown:", causes(err))
		}
		addOutages(&answer, past)
	}
	return c.print(g, q, answer)
}

// askDetector asks a detector. The error names the reason if there is no answer.
func askDetector(
	ctx context.Context, client querydoor.Client, q query.Question, limit int,
) (query.Answer, error) {
	answer, err := client.Ask(ctx, q, limit)
	if refused, ok := errors.AsType[*querydoor.RefusedError](err); ok {
		return answer, fmt.Errorf("the detector at %s has no answer: %w", client.Address, refused)
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return answer, fmt.Errorf("the detector at %s did not answer within %v", client.Address, showWithin)
	}
	return answer, err
}

// detector finds the query door of the detector at an admin address or, without an address, of the
// instance that runs on the data directory. elsewhere is advice for the error if no detector runs.
func (g *globals) detector(at adminAddr, elsewhere string) (querydoor.Client, *datadir.Run, error) {
	if at != "" {
		cfg, err := g.configuration()
		if err != nil {
			return querydoor.Client{}, nil, err
		}
		key, err := cfg.Detect.Door.Key.Read()
		if err != nil {
			return querydoor.Client{}, nil, usageError(fmt.Errorf("detect.door.key: %w", err))
		}
		return querydoor.Client{Address: string(at), Key: key}, nil, nil
	}
	path, err := datadir.Path(g.DataDir)
	if err != nil {
		return querydoor.Client{}, nil, err
	}
	running, err := datadir.ReadRun(path)
	switch busy, busyErr := datadir.InUse(path); {
	case err != nil || busyErr != nil:
		return querydoor.Client{}, nil, errors.Join(err, busyErr)
	case running == nil && busy:
		return querydoor.Client{}, nil, fmt.Errorf(
			"what runs on the data directory %s has not started yet: ask again", path,
		)
	case running == nil:
		return querydoor.Client{}, nil, fmt.Errorf(
			"nothing runs on the data directory %s: start `%s`; %s", path, g.command("up"), elsewhere,
		)
	case running.DoorKey == "":
		return querydoor.Client{}, nil, fmt.Errorf(
			"what runs on the data directory, darkmap %s (process %d), answers no questions about the present; %s",
			running.Command, running.PID, elsewhere,
		)
	}
	return querydoor.Client{Address: running.Admin, Key: running.DoorKey}, running, nil
}

// addOutages adds the outages of past that have ended, and keeps the newest of these.
func addOutages(a *query.Answer, past []query.Outage) {
	known := map[string]bool{}
	for _, o := range a.Outages {
		known[o.ID] = true
	}
	for _, o := range past {
		if !known[o.ID] && o.End != nil {
			a.Outages = append(a.Outages, o)
			a.OutagesTotal++
		}
	}
	keepOutages(a)
}

// keepOutages keeps the outages that go on and the first showEnded of those that have ended.
func keepOutages(a *query.Answer) {
	ended := 0
	a.Outages = slices.DeleteFunc(a.Outages, func(o query.Outage) bool {
		if o.End != nil {
			ended++
		}
		return o.End != nil && ended > showEnded
	})
}

// stored asks the store about a dataset at a time. The zero time means the dataset's end.
func (c *showCmd) stored(ctx context.Context, g *globals, q query.Question, at time.Time) (err error) {
	dataset := c.Dataset
	if dataset == "" {
		dataset = kafka.LiveDataset
		running, err := datadir.ReadRun(g.DataDir)
		if err != nil {
			return err
		}
		if running != nil && running.Command == "up" {
			dataset = running.Dataset
		}
	}
	return g.withStore(ctx, func(s *querystore.Store) error {
		end, err := s.End(ctx, dataset)
		if err != nil {
			return err
		}
		if end.IsZero() {
			return noDataset(ctx, s, dataset)
		}
		if at.IsZero() {
			at = end
		}
		if at.After(end) {
			fmt.Fprintf(
				g.stderr, "darkmap: the dataset %s ends at %s: that is how it stood last\n",
				dataset, end.Format(time.RFC3339),
			)
		}
		if q.Kind == query.KindOutage {
			record, err := s.Record(ctx, dataset, q.Code, at)
			if err != nil {
				return err
			}
			return c.printRecord(g, q, dataset, record)
		}
		answer, err := s.Answer(ctx, q, dataset, at, c.Limit)
		if err != nil {
			return err
		}
		keepOutages(&answer)
		return c.print(g, q, answer)
	})
}

// noDataset returns the error for an unknown dataset. It names the existing ones.
func noDataset(ctx context.Context, s *querystore.Store, dataset string) error {
	names, err := s.Datasets(ctx)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("the store has no dataset %s, and no other", dataset)
	}
	return fmt.Errorf("the store has no dataset %s; it has %s", dataset, strings.Join(names, ", "))
}

// withStore calls f with the store that `sql` would read.
func (g *globals) withStore(ctx context.Context, f func(*querystore.Store) error) error {
	return g.withLease(ctx, false, func(l *lease) error {
		return inWords(f(querystore.New(l.server)), false)
	})
}

func (c *showCmd) print(g *globals, q query.Question, a query.Answer) error {
	if c.Format == "json" {
		return json.NewEncoder(g.stdout).Encode(a)
	}
	return query.WriteText(terminal.NewCleaner(g.stdout), q, a)
}

// printRecord prints an outage's record. It fails if record is nil.
func (c *showCmd) printRecord(g *globals, q query.Question, dataset string, record []byte) error {
	if record == nil {
		return fmt.Errorf("there is no outage %s in the dataset %s", q.Code, dataset)
	}
	if c.Format == "json" {
		_, err := fmt.Fprintf(g.stdout, "%s\n", record)
		return err
	}
	var o bgp.Outage
	if err := json.Unmarshal(record, &o); err != nil {
		return fmt.Errorf("reading outage %s: %w", q.Code, err)
	}
	return query.WriteOutage(terminal.NewCleaner(g.stdout), o, c.Limit)
}
