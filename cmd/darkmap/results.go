package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outagelog"
)

// filter are the flags that say which outages are printed.
type filter struct {
	From    time.Time    `help:"Only outages that end after this time (RFC 3339)." placeholder:"TIME"`
	To      time.Time    `help:"Only outages that begin before this time (RFC 3339)." placeholder:"TIME"`
	Country string       `help:"Only this country and its regions (ISO 3166-1)." placeholder:"CC"`
	ASN     string       `name:"asn" help:"Only outages of this AS or of its prefixes." placeholder:"ASN"`
	Prefix  netip.Prefix `help:"Only this prefix and those within it." placeholder:"PREFIX"`
	All     bool         `help:"Blips and retracted outages too."`
}

// check finds what the flags cannot mean.
func (f filter) check() error {
	var faults []error
	if f.ASN != "" {
		if _, err := bgp.ParseASN(f.ASN); err != nil {
			faults = append(faults, fmt.Errorf("--asn %s: want an AS number", f.ASN))
		}
	}
	if f.Country != "" && !countryCode.MatchString(f.Country) {
		faults = append(faults, fmt.Errorf("--country %s: want two letters (ISO 3166-1)", f.Country))
	}
	return errors.Join(faults...)
}

var countryCode = regexp.MustCompile(`^[A-Za-z]{2}$`)

// outages is the filter that the flags mean, once check has passed them.
func (f filter) outages() outagelog.Filter {
	o := outagelog.Filter{From: f.From, To: f.To, Country: f.Country, Prefix: f.Prefix, All: f.All}
	if asn, err := bgp.ParseASN(f.ASN); err == nil {
		o.ASN = &asn
	}
	return o
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
