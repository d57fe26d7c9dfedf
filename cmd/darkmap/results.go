package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/outageview"
	"github.com/darkmap/darkmap/internal/terminal"
	"github.com/darkmap/darkmap/internal/timespan"
)

// filter holds the flags that choose the outages to print.
type filter struct {
	From         string   `help:"Only outages that end after this time (UTC): 2014-12-22, \"2014-12-22 16:15\" or RFC 3339." placeholder:"TIME"`
	To           string   `help:"Only outages that begin before this time; of a date the whole day is meant." placeholder:"TIME"`
	Country      []string `help:"Only these countries, their regions, and the networks and prefixes that lost something there (ISO 3166-1)." placeholder:"CC,..."`
	ASN          []string `name:"asn" help:"Only outages of these ASes and of the prefixes that they originate." placeholder:"ASN,..."`
	Prefix       []string `help:"Only outages of exactly these prefixes; an address is a /32 or /128." placeholder:"PREFIX,..."`
	MoreSpecific bool     `xor:"relation" help:"With --prefix: of the prefixes within it, too."`
	LessSpecific bool     `xor:"relation" help:"With --prefix: of the prefixes that contain it, too."`
	Overlapping  bool     `xor:"relation" help:"With --prefix: of both, too."`
	Type         []string `help:"Only outages of these, each in a row of its own: ${enum}." enum:"prefix,as,region,country,world" placeholder:"TYPE,..."`
	Family       []string `help:"Only these families: ${enum}." enum:"ipv4,ipv6" placeholder:"FAMILY,..."`
	Kind         []string `help:"Only outages of these kinds: ${enum}." enum:"outage,partial,intermittent,moved" placeholder:"KIND,..."`
	State        []string `help:"Only outages in these states: ${enum}." enum:"suspected,open,closed,retracted" placeholder:"STATE,..."`
	Severity     string   `help:"Only outages of at least this severity: minor, moderate, major, total." placeholder:"SEVERITY"`
	All          bool     `help:"Blips and retracted outages too."`
	Wide         bool     `help:"Show the ids in the table, too."`
}

// check fails for impossible values of flags.
func (f filter) check() error {
	_, err := f.parse()
	return err
}

// outages returns the filter that the flags describe. It is called after check has passed.
func (f filter) outages() outagelog.Filter {
	o, _ := f.parse()
	return o
}

// parse parses the flags. The error lists all faults.
func (f filter) parse() (o outagelog.Filter, err error) {
	o = f.sorts()
	o.From, o.To, err = timespan.ParseWindow(f.From, f.To, false)
	faults := []error{err, f.checkModes()}
	for _, code := range f.Country {
		if !countryCode.MatchString(code) {
			faults = append(faults, fmt.Errorf("--country %s: want two letters (ISO 3166-1), as KP", code))
		}
		o.Countries = append(o.Countries, strings.ToUpper(code))
	}
	for _, text := range f.ASN {
		asn, err := bgp.ParseASN(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("--asn %s: want an AS number, as 64496", text))
		}
		o.ASNs = append(o.ASNs, asn)
	}
	for _, text := range f.Prefix {
		m, err := bgp.ParsePrefixMatch(text, f.mode())
		if err != nil {
			faults = append(faults, fmt.Errorf("--prefix %w", err))
		}
		o.Prefixes = append(o.Prefixes, m)
	}
	if f.Severity != "" && !severity.MatchString(f.Severity) {
		faults = append(faults, fmt.Errorf("--severity %s: want minor, moderate, major or total", f.Severity))
	}
	return o, errors.Join(faults...)
}

// sorts returns the part of the filter whose flags the command line has checked already.
func (f filter) sorts() outagelog.Filter {
	o := outagelog.Filter{Families: f.Family, MinSeverity: bgp.Severity(f.Severity), All: f.All}
	for _, name := range f.Type {
		var t bgp.EntityType
		if t.UnmarshalText([]byte(name)) == nil {
			o.Types = append(o.Types, t)
		}
	}
	for _, k := range f.Kind {
		o.Kinds = append(o.Kinds, bgp.Kind(k))
	}
	for _, s := range f.State {
		o.States = append(o.States, bgp.State(s))
	}
	return o
}

// mode returns how prefixes are matched.
func (f filter) mode() bgp.PrefixMode {
	switch {
	case f.MoreSpecific:
		return bgp.PrefixMoreSpecific
	case f.LessSpecific:
		return bgp.PrefixLessSpecific
	case f.Overlapping:
		return bgp.PrefixOverlapping
	}
	return bgp.PrefixExact
}

// checkModes fails if the flags choose a way to match prefixes, but name no prefix.
func (f filter) checkModes() error {
	if f.mode() == bgp.PrefixExact || len(f.Prefix) > 0 {
		return nil
	}
	return errors.New(
		"--more-specific, --less-specific and --overlapping choose how --prefix matches: give a --prefix too",
	)
}

var (
	countryCode = regexp.MustCompile(`^[A-Za-z]{2}$`)
	severity    = regexp.MustCompile(`^(minor|moderate|major|total)$`)
)

// writeNothing prints that no outage passes the filter, and which filter would show some. It
// replaces the table. With another format, which has no room for text, it goes to standard error.
func writeNothing(g *globals, t *outagelog.Tally, format string) error {
	if format == formatTable {
		_, err := fmt.Fprintln(g.stdout, t.Nothing())
		return err
	}
	fmt.Fprintln(g.stderr, "darkmap:", t.Nothing())
	return nil
}

// Formats of a result.
const (
	formatTable = "table"
	formatJSON  = "json"
	formatCSV   = "csv"
)

// fold groups outages that belong together. With --type it groups none.
func (f filter) fold(all []bgp.Outage) []outageview.Incident {
	if len(f.Type) > 0 {
		return outageview.Unfolded(all)
	}
	return outageview.Fold(all)
}

// writeTable prints one incident a row under a heading, and on standard error how many there are.
// all must not be empty.
func (f filter) writeTable(g *globals, all []outagelog.Entry, more ...outageview.Extra) error {
	incidents := f.fold(outagelog.Outages(all))
	count := outageview.Count(incidents)
	if len(incidents) < len(all) {
		count += " (--type country,region,as,prefix shows each of them)"
	}
	fmt.Fprintln(g.stderr, "darkmap: "+count)
	return printLines(g.stdout, outageview.Table(incidents, outageview.Options{
		Width: terminal.Width(g.stdout), Wide: f.Wide, More: more,
	}))
}

// printLines prints lines.
func printLines(w io.Writer, lines []string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// writeJSON prints one object a line.
func writeJSON(w io.Writer, all []outagelog.Entry) error {
	for _, e := range all {
		if _, err := fmt.Fprintf(w, "%s\n", e.JSON); err != nil {
			return err
		}
	}
	return nil
}
