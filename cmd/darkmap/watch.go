package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/ingest/watch/draft"
	"github.com/darkmap/darkmap/ingest/watch/hosts"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/internal/terminal"
)

// watchCmd groups the commands on watch lists.
type watchCmd struct {
	Init   watchInitCmd   `cmd:"" help:"Draft a watch list of the prefixes that an AS originates now, ready to paste into the configuration."`
	Import watchImportCmd `cmd:"" help:"Draft watch lists from the file of another program."`
	Status watchStatusCmd `cmd:"" help:"Show the members of watch lists as the running detector sees them."`
	Test   watchTestCmd   `cmd:"" help:"Check the watch lists of the configuration and their files, and resolve their hosts once."`
}

type watchInitCmd struct {
	ASN      []string  `help:"An AS whose prefixes are listed; may be repeated." placeholder:"N"`
	Country  string    `help:"A country that is watched too, and that here and abroad are measured against." placeholder:"CODE"`
	Name     string    `help:"Name of the list (default that of the AS or country)." placeholder:"NAME"`
	From     []string  `help:"Read the AS's prefixes from these captures, instead of asking the running detector." placeholder:"FILE"`
	Detector adminAddr `help:"Ask the detector whose admin address this is, with the key of detect.door.key." placeholder:"HOST:PORT"`
}

// Run drafts a list.
func (c *watchInitCmd) Run(ctx context.Context, g *globals) error {
	l, err := c.list()
	if err != nil {
		return usageError(err)
	}
	seen := draft.Seen{}
	for i, as := range l.ASNs {
		switch {
		case len(c.From) > 0:
			err = c.read(ctx, g, as.ASN, seen)
		default:
			l.ASNs[i].Note, err = c.ask(ctx, g, as.ASN, seen)
		}
		if err != nil {
			return err
		}
	}
	if l.Prefixes = seen.Prefixes(); len(l.Prefixes) == 0 && len(l.ASNs) > 0 {
		fmt.Fprintf(
			g.stderr, "darkmap: nothing is seen that %s originates: only the AS itself is listed\n",
			strings.Join(c.ASN, ", "),
		)
	}
	return draft.Write(g.stdout, []draft.List{l})
}

// list returns the list without prefixes.
func (c *watchInitCmd) list() (draft.List, error) {
	section := watch.ListConfig{Name: c.Name, ASNs: c.ASN}
	if c.Country != "" {
		section.Countries, section.Home = []string{strings.ToUpper(c.Country)}, strings.ToUpper(c.Country)
	}
	if len(c.ASN) == 0 && c.Country == "" {
		return draft.List{}, errors.New("want --asn N or --country CODE")
	}
	if section.Name == "" {
		section.Name = draft.ListName(slices.Concat(c.ASN, section.Countries)[0], "")
		if len(c.ASN) > 0 {
			section.Name = "as" + strings.TrimPrefix(section.Name, "as")
		}
	}
	var faults []error
	for _, f := range section.Faults() {
		key, _, _ := strings.Cut(f.Key, "[")
		switch key { // the flags of the fault
		case "home":
			continue // the fault of the country is reported once
		case "asns":
			f.Key = "asn"
		case "countries":
			f.Key = "country"
		}
		if f.Want == "" {
			f.Want = "at most 64 letters a to z, digits and hyphens"
		}
		faults = append(faults, fmt.Errorf("--%w", f))
	}
	l := draft.List{Name: section.Name, Home: section.Home, Countries: section.Countries}
	for _, s := range c.ASN {
		asn, err := bgp.ParseASN(s)
		if err == nil { // otherwise it is a fault
			l.ASNs = append(l.ASNs, draft.AS{ASN: asn})
		}
	}
	return l, errors.Join(faults...)
}

// ask asks the running detector for the prefixes that an AS originates. It returns the AS's name.
func (c *watchInitCmd) ask(
	ctx context.Context, g *globals, asn bgp.ASN, seen draft.Seen,
) (name string, err error) {
	client, _, err := g.detector(
		c.Detector, "--detector HOST:PORT asks one elsewhere, and --from FILE reads captures",
	)
	if err != nil {
		return "", err
	}
	limited, cancel := context.WithTimeout(ctx, showWithin)
	defer cancel()
	a, err := askDetector(
		limited, client, query.Question{Kind: query.KindAS, Code: asn.String()}, query.MaxLimit,
	)
	if err != nil {
		return "", err
	}
	for _, f := range a.Families {
		if f.Entity == nil {
			continue
		}
		name = f.Entity.Name
		for _, b := range f.Entity.Prefixes {
			if p, err := netip.ParsePrefix(b.Prefix); err == nil { // the detector writes no other form
				seen.Add(p, append(slices.Clone(b.Origins), asn)...)
			}
		}
		if n := f.Entity.PrefixesTotal - len(f.Entity.Prefixes); n > 0 {
			fmt.Fprintf(
				g.stderr,
				"darkmap: %s originates %s of %s: %d are left out here; the AS itself, which is listed, stands for all\n",
				asn, bgp.Count(f.Entity.PrefixesTotal, "prefix"), f.Family, n,
			)
		}
	}
	return name, nil
}

// read reads from captures the prefixes that an AS originates.
func (c *watchInitCmd) read(ctx context.Context, g *globals, asn bgp.ASN, seen draft.Seen) error {
	inputs, cleanup, err := parseInputs(ctx, g, "", c.From)
	if err != nil {
		return err
	}
	defer cleanup()
	for _, in := range inputs.Files {
		damaged, err := seen.Read(ctx, in.Path, asn)
		if err != nil {
			return err
		}
		if damaged > 0 {
			fmt.Fprintf(
				g.stderr, "darkmap: %s has %s: what stands there is not in the list\n",
				in.Path, bgp.Count(damaged, "damaged part"),
			)
		}
	}
	return nil
}

// watchImportCmd groups the programs whose files can be imported.
type watchImportCmd struct {
	BGPalerter watchBGPalerterCmd `cmd:"" name:"bgpalerter" help:"Read BGPalerter's prefixes.yml. What has no equal here is said on standard error."`
}

type watchBGPalerterCmd struct {
	File string `arg:"" help:"BGPalerter's prefixes.yml; - is standard input." placeholder:"FILE"`
	Name string `help:"Name of the list of those that are in no group (default ${default})." default:"my-networks" placeholder:"NAME"`
}

// maxImport bounds the size of an imported file.
const maxImport = 16 << 20

// Run drafts lists.
func (c *watchBGPalerterCmd) Run(g *globals) error {
	in := g.stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return usageError(fmt.Errorf("reading BGPalerter's prefixes: %w", err))
		}
		defer f.Close() //nolint:errcheck // only read
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxImport+1))
	if err != nil || len(b) > maxImport {
		return usageError(errors.Join(err, fmt.Errorf("%s: want a file of at most %d bytes", c.File, maxImport)))
	}
	lists, lacks, err := draft.BGPalerter(b, draft.ListName(c.Name, "my-networks"))
	if err != nil {
		return usageError(fmt.Errorf("%s: %w", c.File, err))
	}
	for _, l := range lacks {
		fmt.Fprintln(g.stderr, "darkmap:", l)
	}
	return draft.Write(g.stdout, lists)
}

type watchStatusCmd struct {
	Name     string    `arg:"" optional:"" help:"Which list; without it, all." placeholder:"NAME"`
	Detector adminAddr `help:"Ask the detector whose admin address this is, with the key of detect.door.key." placeholder:"HOST:PORT"`
	Limit    int       `help:"Members of each list (default ${default}, at most 500)." default:"50" placeholder:"N"`
	Format   string    `help:"Form of the result: ${enum}." enum:"table,json" default:"table"`
}

// Run asks the running detector.
func (c *watchStatusCmd) Run(ctx context.Context, g *globals) error {
	text := query.WatchCode
	if c.Name != "" {
		text += "/" + c.Name
	}
	q, err := query.Parse(text)
	switch {
	case err != nil:
		return usageError(fmt.Errorf(
			"%q is no name of a watch list: want at most 64 letters a to z, digits and hyphens", c.Name,
		))
	case c.Limit < 1 || c.Limit > query.MaxLimit:
		return usageError(fmt.Errorf("--limit %d: want a number from 1 to %d", c.Limit, query.MaxLimit))
	}
	client, _, err := g.detector(c.Detector, "--detector HOST:PORT asks one elsewhere")
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, showWithin)
	defer cancel()
	a, err := askDetector(limited, client, q, c.Limit)
	switch {
	case err != nil:
		return err
	case c.Format == formatJSON:
		return json.NewEncoder(g.stdout).Encode(a)
	case len(a.Watch) == 0 && c.Name != "":
		return fmt.Errorf(
			"the detector knows no watch list %s: `%s` names those that it knows",
			c.Name, g.command("watch", "status"),
		)
	}
	return query.WriteWatch(terminal.NewCleaner(g.stdout), a)
}

type watchTestCmd struct {
	Format string `help:"Form of the result: ${enum}." enum:"table,json" default:"table"`
}

// Run checks the lists, and prints for each member how darkmap understands it.
func (c *watchTestCmd) Run(ctx context.Context, g *globals) error {
	cfg, lists, err := g.watching()
	if err != nil {
		return err
	}
	rows := watch.Describe(ctx, lists.Lists(), hosts.NewResolver(cfg.WatchDNS).Resolve)
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.Format == formatJSON {
		out := json.NewEncoder(g.stdout)
		for _, r := range rows {
			if err := out.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(g.stdout, "the configuration has no watch list")
		return err
	}
	table := terminal.Table{Columns: []terminal.Column{
		{Title: "LIST"}, {Title: "MEMBER"}, {Title: "ORIGINS"}, {Title: "WATCHED ROUTES", Shrink: 1},
	}}
	for _, r := range rows {
		var origins []string
		for _, o := range r.Origins {
			origins = append(origins, o.String())
		}
		if len(origins) == 0 {
			origins = []string{"any"}
		}
		table.Rows = append(table.Rows, []terminal.Cell{
			terminal.Text(r.List), terminal.Text(r.Member), terminal.Text(firstOf(origins, 3)), {Body: r.What},
		})
	}
	return printLines(g.stdout, table.Lines(terminal.Width(g.stdout)))
}
