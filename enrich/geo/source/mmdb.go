package source

import (
	"fmt"
	"io"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/darkmap/darkmap/internal/bgp"
)

// readMMDB reads the whole file into memory, so that later changes of the file do no harm, and
// visits every network of it. Networks share data records: each data record is decoded once.
func readMMDB(in *input, info *Info, v Visitor) error {
	content, err := readAll(in)
	if err != nil {
		return err
	}
	db, err := maxminddb.OpenBytes(content)
	if err != nil {
		return fmt.Errorf("%w: reading as MMDB: %w", ErrUnrecognised, err)
	}
	defer db.Close() //nolint:errcheck // holds nothing but memory
	if err := (mmdbTree{content, uint32(db.Metadata.NodeCount), db.Metadata.RecordSize}).check(); err != nil {
		return fmt.Errorf("reading as MMDB: %w", err)
	}
	info.Kind = cleanName([]byte(db.Metadata.DatabaseType))
	records := map[uintptr]Range{}
	for network := range db.Networks() {
		if err := network.Err(); err != nil {
			return fmt.Errorf("%w: reading MMDB networks: %w", ErrDamaged, err)
		}
		r, ok := records[network.Offset()]
		if !ok {
			var m map[string]any
			if err := network.Decode(&m); err != nil {
				return fmt.Errorf("%w: reading MMDB record of %v: %w", ErrDamaged, network.Prefix(), err)
			}
			r = recordOf(m)
			records[network.Offset()] = r
		}
		if info.Rows++; info.Rows > MaxRows {
			return fmt.Errorf("more than %d networks: %w", MaxRows, ErrTooLarge)
		}
		if r.Country == "" && r.ASN == 0 {
			continue
		}
		r.Family, r.First, r.Last = Span(network.Prefix())
		if err := v.visitRange(r); err != nil {
			return err
		}
	}
	return nil
}

// readAll reads the rest of a file into memory.
func readAll(in *input) ([]byte, error) {
	content, err := io.ReadAll(in.text)
	if err != nil {
		return nil, fmt.Errorf("%w: reading: %w", ErrDamaged, err)
	}
	if len(content) > MaxBytes {
		return nil, fmt.Errorf("more than %d bytes: %w", MaxBytes, ErrTooLarge)
	}
	return content, nil
}

// recordOf reads an MMDB record in any of the known layouts.
func recordOf(m map[string]any) Range {
	var r Range
	// The key country holds the country's name in IPinfo Lite, and a map in MaxMind and DB-IP.
	r.Country = countryCode(
		[]byte(firstText(text(m, "country", "iso_code"), text(m, "country_code"), text(m, "country"),
			text(m, "registered_country", "iso_code"))))
	if list, ok := m["subdivisions"].([]any); ok && len(list) > 0 {
		if sub, ok := list[0].(map[string]any); ok {
			r.Region = regionCode(r.Country, []byte(text(sub, "iso_code")))
		}
	}
	if r.Region == "" {
		r.Region = regionCode(r.Country,
			[]byte(firstText(text(m, "region_code"), text(m, "state1"), text(m, "region"))))
	}
	r.ASN = number(m["autonomous_system_number"])
	if r.ASN == 0 {
		r.ASN = number(m["asn"])
	}
	r.Organisation = cleanName(
		[]byte(firstText(text(m, "autonomous_system_organization"), text(m, "as_name"), text(m, "name"))))
	return r
}

// text follows keys through nested maps to a string. It returns "" for any other type.
func text(m map[string]any, keys ...string) string {
	for i, key := range keys {
		if i == len(keys)-1 {
			s, _ := m[key].(string)
			return s
		}
		next, ok := m[key].(map[string]any)
		if !ok {
			return ""
		}
		m = next
	}
	return ""
}

func firstText(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

// number reads an AS number from an integer or from a text such as AS64496.
func number(v any) bgp.ASN {
	switch n := v.(type) {
	case uint64:
		if n <= 1<<32-1 {
			return bgp.ASN(n)
		}
	case string:
		asn, _ := asNumber([]byte(n))
		return asn
	}
	return 0
}
