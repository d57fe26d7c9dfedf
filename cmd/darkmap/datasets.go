package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/terminal"
)

// datasetsCmd groups the commands on the datasets of the store.
type datasetsCmd struct {
	List datasetsListCmd `cmd:"" help:"List the datasets: what each was made of, how much it holds, whether it is complete."`
	Drop datasetsDropCmd `cmd:"" help:"Delete datasets with all that they hold. Nothing is asked."`
}

type datasetsListCmd struct {
	Format string `help:"Form of the result: ${enum}." enum:"table,json" default:"table"`
}

type datasetsDropCmd struct {
	Names []string `arg:"" name:"name" help:"Datasets, as list names them."`
	Force bool     `help:"Also what was collected from live sources and archives."`
}

// Run prints the list.
func (c *datasetsListCmd) Run(ctx context.Context, g *globals) error {
	return g.withLease(ctx, false, func(l *lease) error { return c.list(ctx, g, l) })
}

func (c *datasetsListCmd) list(ctx context.Context, g *globals, l *lease) error {
	all, err := clickhouse.Datasets(ctx, l.server)
	if err != nil {
		return err
	}
	if c.Format == formatJSON {
		out := json.NewEncoder(g.stdout)
		for _, d := range all {
			if err := out.Encode(datasetObject(d, l.writes(d.Name))); err != nil {
				return err
			}
		}
		return nil
	}
	lines := []string{"no datasets: the store is empty"}
	if len(all) > 0 {
		lines = datasetLines(all, l.writes, terminal.Width(g.stdout))
	}
	_, err = fmt.Fprintln(g.stdout, strings.Join(lines, "\n"))
	return err
}

// writes reports whether the process that owns the store writes into the dataset.
func (l *lease) writes(dataset string) bool { return l.owner != nil && l.owner.Dataset == dataset }

// refuseWritten fails if the process that owns the store writes into the dataset.
func (l *lease) refuseWritten(dataset string) error {
	if !l.writes(dataset) {
		return nil
	}
	return fmt.Errorf(
		"darkmap %s (process %d) writes dataset %s: end it first", l.owner.Command, l.owner.PID, dataset,
	)
}

// datasetState returns the state of a dataset in one or two words.
func datasetState(d clickhouse.StoredDataset, written bool) string {
	switch {
	case d.Emptying:
		return "half deleted"
	case d.Collected:
		return "collected"
	case !d.Completed.IsZero():
		return "complete"
	case written:
		return "being made"
	case d.Version == "":
		return "not known"
	}
	return "not complete"
}

// datasetLines draws the list: one line for each dataset, and below it notes on its inputs.
func datasetLines(all []clickhouse.StoredDataset, written func(string) bool, width int) []string {
	table := terminal.Table{Columns: []terminal.Column{
		{Title: "DATASET"},
		{Title: "STATE"},
		{Title: "MADE (UTC)"},
		{Title: "OUTAGES"},
		{Title: "ROUTE CHANGES"},
		{Title: "FROM"},
		{Title: "TO"},
	}}
	for _, d := range all {
		made := d.Completed
		if made.IsZero() {
			made = d.Created
		}
		table.Rows = append(table.Rows, []terminal.Cell{
			terminal.Text(d.Name), terminal.Text(datasetState(d, written(d.Name))),
			terminal.Text(minuteText(made)), terminal.Text(strconv.FormatUint(d.Outages, 10)),
			terminal.Text(strconv.FormatUint(d.RouteChanges, 10)),
			terminal.Text(minuteText(d.Begins)), terminal.Text(minuteText(d.Ends)),
		})
		table.Notes = append(table.Notes, datasetNotes(d))
	}
	return table.Lines(width)
}

// datasetNotes returns notes on the inputs of a dataset: files, collectors, geography, settings.
func datasetNotes(d clickhouse.StoredDataset) []string {
	switch {
	case d.Emptying:
		return []string{"its rows were being deleted when that was interrupted: drop it again"}
	case d.Collected:
		return []string{"from live sources or archives"}
	case d.Version == "":
		return []string{"made by an older darkmap, which did not note what of"}
	}
	names := make([]string, len(d.Files))
	for i, f := range d.Files {
		names[i] = filepath.Base(f)
	}
	notes := []string{
		bgp.Count(len(names), "file") + ": " + firstOf(names, 3),
		bgp.Count(len(d.Collectors), "collector") + ": " + firstOf(d.Collectors, 5),
	}
	if text := geographyText(d.Dataset); text != "" {
		notes = append(notes, text)
	}
	if len(d.Changed) > 0 {
		notes = append(notes, "settings other than the defaults: "+strings.Join(d.Changed, ", "))
	}
	return notes
}

// geographyText names the days of the geography and of the AS data. It is empty if neither is
// known.
func geographyText(d clickhouse.Dataset) string {
	day := func(t time.Time) string {
		if t.IsZero() {
			return "of a day that is not known"
		}
		return "of " + t.Format(time.DateOnly)
	}
	switch {
	case d.GeographyDate.IsZero() && d.OwnersDate.IsZero():
		return ""
	case d.GeographyDate.Equal(d.OwnersDate):
		return "geography and AS data " + day(d.GeographyDate)
	}
	return "geography " + day(d.GeographyDate) + ", AS data " + day(d.OwnersDate)
}

// firstOf lists the first n, and how many more there are.
func firstOf(all []string, n int) string {
	text := strings.Join(all[:min(len(all), n)], ", ")
	if len(all) > n {
		text += fmt.Sprintf(" and %d more", len(all)-n)
	}
	return text
}

// minuteText returns t in UTC, to the minute, or a hyphen if t is not known.
func minuteText(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// datasetJSON is a dataset as an object. An absent field is not known.
type datasetJSON struct {
	Dataset      string     `json:"dataset"`
	State        string     `json:"state"`
	Created      *time.Time `json:"created,omitempty"`
	Completed    *time.Time `json:"completed,omitempty"`
	Version      string     `json:"version,omitempty"`
	From         *time.Time `json:"from,omitempty"`
	To           *time.Time `json:"to,omitempty"`
	Outages      uint64     `json:"outages"`
	RouteChanges uint64     `json:"route_changes"`
	Files        []string   `json:"files,omitempty"`
	Collectors   []string   `json:"collectors,omitempty"`
	Settings     []string   `json:"settings,omitempty"`
	// GeographyDate and OwnersDate are days.
	GeographyDate  string   `json:"geography_date,omitempty"`
	OwnersDate     string   `json:"owners_date,omitempty"`
	GeographyFiles []string `json:"geography_files,omitempty"`
	InputsHash     string   `json:"inputs_hash,omitempty"`
	SettingsHash   string   `json:"settings_hash,omitempty"`
}

func datasetObject(d clickhouse.StoredDataset, written bool) datasetJSON {
	known := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	o := datasetJSON{
		Dataset: d.Name, State: datasetState(d, written), Created: known(d.Created),
		Completed: known(d.Completed), Version: d.Version, From: known(d.Begins), To: known(d.Ends),
		Outages: d.Outages, RouteChanges: d.RouteChanges, Files: d.Files, Collectors: d.Collectors,
		Settings: d.Changed, GeographyFiles: d.GeographyFiles,
	}
	if !d.GeographyDate.IsZero() {
		o.GeographyDate = d.GeographyDate.Format(time.DateOnly)
	}
	if !d.OwnersDate.IsZero() {
		o.OwnersDate = d.OwnersDate.Format(time.DateOnly)
	}
	if !d.Emptying {
		o.InputsHash, o.SettingsHash = d.Inputs, d.Settings
	}
	return o
}

// Run drops the datasets if all names are known and none is refused. Otherwise it drops none.
func (c *datasetsDropCmd) Run(ctx context.Context, g *globals) error {
	return g.withLease(ctx, true, func(l *lease) error { return c.drop(ctx, g, l) })
}

func (c *datasetsDropCmd) drop(ctx context.Context, g *globals, l *lease) error {
	all, err := clickhouse.Datasets(ctx, l.server)
	if err != nil {
		return err
	}
	slices.Sort(c.Names)
	c.Names = slices.Compact(c.Names)
	if err := c.check(all, l); err != nil {
		return err
	}
	for _, d := range all {
		if !slices.Contains(c.Names, d.Name) {
			continue
		}
		if err := clickhouse.DropDataset(ctx, l.server, d.Name); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(
			g.stdout, "dropped %s: %s, %s\n",
			d.Name, bgp.Count(d.Outages, "outage"), bgp.Count(d.RouteChanges, "route change"),
		); err != nil {
			return err
		}
	}
	return nil
}

// check refuses unknown datasets, those that are being written and, without --force, those that no
// replay can make again.
func (c *datasetsDropCmd) check(all []clickhouse.StoredDataset, l *lease) error {
	for _, name := range c.Names {
		if err := l.refuseWritten(name); err != nil {
			return fmt.Errorf("%w; nothing was dropped", err)
		}
		if err := checkKnown(all, name); err != nil {
			return fmt.Errorf("%w; nothing was dropped", err)
		}
		i := slices.IndexFunc(all, func(d clickhouse.StoredDataset) bool { return d.Name == name })
		if collected := all[i].Collected || name == kafka.LiveDataset ||
			name == followDataset; collected && !c.Force {
			return usageError(fmt.Errorf(
				"dataset %s was collected from live sources or archives, and no replay brings it back: "+
					"--force drops it; nothing was dropped",
				name,
			))
		}
	}
	return nil
}
