package source

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Gives describes the data in a file.
type Gives struct {
	// Places: the file has the countries of addresses. Owners: the file names ASes, or has the
	// origin AS of addresses.
	Places, Owners bool
}

// errEnough stops the reading of a file once both kinds of data were found.
var errEnough = errors.New("enough was read")

// Look reads as much of the file at path as it needs to find the data in it. RIR statistics give
// places only: the reader of places also finds their countries of AS numbers.
func Look(path string) (Gives, error) {
	format, err := Sniff(path)
	if err != nil {
		return Gives{}, err
	}
	switch format {
	case FormatDelegated:
		return Gives{Places: true}, nil
	case FormatNames:
		return Gives{Owners: true}, nil
	case FormatMMDB, FormatRanges:
	}
	var g Gives
	_, err = Read(path, Visitor{Range: func(r Range) error {
		g.Places = g.Places || r.Country != ""
		g.Owners = g.Owners || r.ASN != 0
		if g.Places && g.Owners {
			return errEnough
		}
		return nil
	}})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return g, err
}

// dateInName matches a day in the name of a file or folder, 2022-02-24 or 20220224, without
// adjacent digits.
var dateInName = regexp.MustCompile(`(?:^|\D)((?:19|20)\d\d)(-?)([01]\d)(-?)([0-3]\d)(?:\D|$)`)

// DateInName returns the start (UTC) of the day in the last element of path. ok is false if the
// name contains no day or several days.
func DateInName(path string) (day time.Time, ok bool) {
	for name := filepath.Base(path); name != ""; {
		at := dateInName.FindStringSubmatchIndex(name)
		if at == nil {
			break
		}
		m := func(i int) string { return name[at[2*i]:at[2*i+1]] }
		if d, err := time.Parse("20060102", m(1)+m(3)+m(5)); err == nil && m(2) == m(4) {
			if ok && !d.Equal(day) {
				return time.Time{}, false
			}
			day, ok = d, true
		}
		name = name[at[11]:]
	}
	return day, ok
}

// DateOf returns the day of the data in the file at path. It takes the day in the name, else the
// day in the content: the build time of an MMDB or the end date of RIR statistics. It is zero if
// neither exists, or if the file cannot be read.
func DateOf(path string) time.Time {
	if day, ok := DateInName(path); ok {
		return day
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return time.Time{}
	}
	defer f.Close() //nolint:errcheck // only read
	in, err := open(f)
	if err != nil || in.err != nil {
		return time.Time{}
	}
	switch in.format {
	case FormatMMDB:
		return in.buildDate()
	case FormatDelegated:
		head, _ := in.text.Peek(sniffBytes)
		return endDate(head)
	case FormatRanges, FormatNames:
	}
	return time.Time{}
}

// buildDate returns the day on which an MMDB was built.
func (in *input) buildDate() time.Time {
	content, err := readAll(in)
	if err != nil {
		return time.Time{}
	}
	db, err := maxminddb.OpenBytes(content)
	if err != nil {
		return time.Time{}
	}
	defer db.Close() //nolint:errcheck // holds nothing but memory
	if db.Metadata.BuildEpoch == 0 {
		return time.Time{}
	}
	return time.Unix(int64(db.Metadata.BuildEpoch), 0).UTC().Truncate(24 * time.Hour)
}

// endDate returns the end date in the version line of RIR statistics:
// version|registry|serial|records|startdate|enddate|UTCoffset.
func endDate(head []byte) time.Time {
	for line := range bytes.SplitSeq(head, []byte("\n")) {
		fields := bytes.Split(trimLine(line), []byte("|"))
		if len(fields) < 6 || len(fields[0]) == 0 || fields[0][0] < '0' || fields[0][0] > '9' {
			continue
		}
		day, err := time.Parse("20060102", string(fields[5]))
		if err != nil {
			return time.Time{}
		}
		return day
	}
	return time.Time{}
}
