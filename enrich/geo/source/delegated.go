package source

import (
	"bytes"
	"math/bits"
	"strconv"

	"github.com/darkmap/darkmap/internal/bgp"
)

// A delegation is a line of the "RIR statistics exchange format":
// registry|cc|type|start|value|date|status[|opaque-id[|...]]. A version line begins with a digit. A
// summary has an asterisk as its country.

func isDelegated(lines [][]byte) bool {
	return most(lines, func(line []byte) bool { return bytes.Count(line, []byte("|")) >= 5 })
}

// delegatedRow reads delegations of addresses and of AS numbers. It accepts free and reserved
// resources without a visit: they belong to no country.
func delegatedRow(v Visitor) func([]byte) (bool, error) {
	var fields [][]byte
	return func(line []byte) (bool, error) {
		fields = fields[:0]
		for f := range bytes.SplitSeq(line, []byte("|")) {
			fields = append(fields, f)
		}
		version := len(fields[0]) > 0 && fields[0][0] >= '0' && fields[0][0] <= '9'
		if version || string(fields[len(fields)-1]) == "summary" {
			return true, nil
		}
		if len(fields) < 7 {
			return false, nil
		}
		country := countryCode(fields[1])
		switch string(fields[6]) {
		case "allocated", "assigned":
		default:
			return true, nil
		}
		return delegation(fields, country, v)
	}
}

func delegation(fields [][]byte, country string, v Visitor) (bool, error) {
	value, err := strconv.ParseUint(string(fields[4]), 10, 64)
	if err != nil || value == 0 {
		return false, nil //nolint:nilerr // the caller counts the row
	}
	switch string(fields[2]) {
	case "asn":
		first, err := strconv.ParseUint(string(fields[3]), 10, 32)
		if err != nil || value > 1<<32 || first+value > 1<<32 {
			return false, nil //nolint:nilerr // the caller counts the row
		}
		if country == "" {
			return true, nil
		}
		return true, v.visitAS(AS{First: bgp.ASN(first), Last: bgp.ASN(first + value - 1), Country: country})
	case "ipv4", "ipv6":
		r, ok := parsePoint(fields[3])
		if !ok || (r.family == bgp.IPv4) != (string(fields[2]) == "ipv4") {
			return false, nil
		}
		count := value
		if r.family == bgp.IPv6 {
			if value > 64 {
				return value <= 128, nil // smaller than the unit of counting
			}
			count = 1 << (64 - value)
		}
		last, carry := bits.Add64(r.value, count-1, 0)
		if carry != 0 || (r.family == bgp.IPv4 && last > 1<<32-1) {
			return false, nil
		}
		if country == "" {
			return true, nil
		}
		return true, v.visitRange(Range{Family: r.family, First: r.value, Last: last, Country: country})
	}
	return true, nil
}
