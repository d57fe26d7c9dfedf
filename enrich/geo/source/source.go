package source

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Bounds of one file. The largest public files (city-level MMDBs) have about 130 MB and 10 million
// networks.
const (
	MaxBytes = 1 << 30
	MaxRows  = 16 << 20
	maxLine  = 64 << 10
)

// Errors that a caller may distinguish.
var (
	// ErrUnrecognised means that the content has none of the known formats.
	ErrUnrecognised = errors.New("not a known form of location, origin or name data")
	// ErrTooLarge means that the file exceeds MaxBytes or MaxRows.
	ErrTooLarge = errors.New("file too large")
	// ErrDamaged means that more than 1 % of the rows cannot be read, or that the file is
	// truncated.
	ErrDamaged = errors.New("damaged file")
)

// Format is a file format.
type Format uint8

// The formats.
const (
	FormatMMDB Format = iota + 1
	FormatRanges
	FormatDelegated
	FormatNames
)

// String returns mmdb, ranges, delegated or names.
func (f Format) String() string {
	names := [...]string{
		FormatMMDB: "mmdb", FormatRanges: "ranges", FormatDelegated: "delegated",
		FormatNames: "names",
	}
	if int(f) < len(names) && f != 0 {
		return names[f]
	}
	return fmt.Sprintf("format(%d)", uint8(f))
}

// Range is a range of addresses with the data of a file. Empty and 0 are unknown.
type Range struct {
	Family bgp.Family
	// First and Last are IPv4 addresses, or the upper 64 bits of IPv6 addresses. A part of a /64
	// counts as the whole /64.
	First, Last uint64
	// Country is ISO 3166-1 alpha-2 and known to bgp.CountryName. Region is an ISO 3166-2 code of
	// that country.
	Country, Region string
	// ASN originates the addresses. Organisation is the name of the ASN in the file.
	ASN          bgp.ASN
	Organisation string
}

// AS is a range of AS numbers with the data of a file.
type AS struct {
	First, Last bgp.ASN
	// Name is the short name, Organisation the long one.
	Name, Organisation string
	// Country is the country in which the number is registered.
	Country string
}

// Visitor receives the rows of a file. A nil function ignores its rows. An error ends the reading
// and is returned.
type Visitor struct {
	Range func(Range) error
	AS    func(AS) error
}

func (v Visitor) visitRange(r Range) error {
	if v.Range == nil {
		return nil
	}
	return v.Range(r)
}

func (v Visitor) visitAS(a AS) error {
	if v.AS == nil {
		return nil
	}
	return v.AS(a)
}

// Info describes the file that was read.
type Info struct {
	Format Format
	// Kind is the database_type of an MMDB.
	Kind string
	// Rows counts the rows that were read, Skipped those that could not be read.
	Rows, Skipped int
	// Hash is the SHA-256 of the file on disk, in hex, before decompression.
	Hash string
}

// Sniff opens the file at path and recognises its format.
func Sniff(path string) (Format, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return 0, fmt.Errorf("opening: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	in, err := open(f)
	if err != nil {
		return 0, err
	}
	return in.format, in.err
}

// Read reads the file at path. Its errors name the fault, not the file.
func Read(path string, v Visitor) (Info, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return Info{}, fmt.Errorf("opening: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	return ReadFrom(f, v)
}

// ReadFrom reads a stream as Read reads a file.
func ReadFrom(r io.Reader, v Visitor) (Info, error) {
	in, err := open(r)
	if err != nil {
		return Info{}, err
	}
	if in.err != nil {
		return Info{}, in.err
	}
	info := Info{Format: in.format}
	switch in.format {
	case FormatMMDB:
		err = readMMDB(in, &info, v)
	case FormatDelegated:
		err = readLines(in, &info, delegatedRow(v))
	case FormatNames:
		err = readNames(in, &info, v)
	case FormatRanges:
		err = readLines(in, &info, in.layout.row(v))
	}
	if err != nil {
		return info, err
	}
	if info.Rows == 0 || info.Skipped > 10+info.Rows/100 {
		return info, fmt.Errorf("%d rows read, %d not understood: %w", info.Rows, info.Skipped, ErrDamaged)
	}
	info.Hash, err = in.sum()
	return info, err
}

// input is the decompressed content of a file with the format found from its beginning.
type input struct {
	raw    io.Reader // the rest of the file; reading it feeds hash
	hash   hash.Hash
	text   *bufio.Reader
	budget *io.LimitedReader
	format Format
	layout layout
	err    error // set if the format was not recognised
}

const sniffBytes = 64 << 10

func open(r io.Reader) (*input, error) {
	in := &input{hash: sha256.New()}
	in.raw = io.TeeReader(r, in.hash)
	file := bufio.NewReaderSize(in.raw, 1<<16)
	in.raw = file
	content := io.Reader(file)
	switch magic, _ := file.Peek(4); {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(file)
		if err != nil {
			return nil, fmt.Errorf("%w: decompressing: %w", ErrDamaged, err)
		}
		content = z
	case bytes.HasPrefix(magic, []byte("BZh")):
		// The files have a few MB, so one core is enough. No goroutine is left that could read at
		// the same time as sum.
		content = bzip2.NewReader(file)
	}
	in.budget = &io.LimitedReader{R: content, N: MaxBytes + 1}
	in.text = bufio.NewReaderSize(in.budget, sniffBytes)
	head, err := in.text.Peek(sniffBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: reading: %w", ErrDamaged, err)
	}
	in.format, in.layout, in.err = recognise(head, err != nil)
	return in, nil
}

// sum reads the rest of the file and returns the hash of the whole file.
func (in *input) sum() (string, error) {
	if in.budget.N <= 0 {
		return "", fmt.Errorf("more than %d bytes: %w", MaxBytes, ErrTooLarge)
	}
	if _, err := io.Copy(io.Discard, in.raw); err != nil {
		return "", fmt.Errorf("reading: %w", err)
	}
	return hex.EncodeToString(in.hash.Sum(nil)), nil
}

// readLines passes every line to row, except empty lines and comments. row reports whether it could
// read the line.
func readLines(in *input, info *Info, row func(line []byte) (bool, error)) error {
	lines := bufio.NewScanner(in.text)
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	for lines.Scan() {
		line := trimLine(lines.Bytes())
		if len(line) == 0 || isComment(line) {
			continue
		}
		ok, err := row(line)
		switch {
		case err != nil:
			return err
		case ok:
			info.Rows++
		default:
			info.Skipped++
		}
		if info.Rows+info.Skipped > MaxRows {
			return fmt.Errorf("more than %d rows: %w", MaxRows, ErrTooLarge)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("a line of more than %d bytes: %w", maxLine, ErrDamaged)
	case err != nil:
		return fmt.Errorf("%w: reading: %w", ErrDamaged, err)
	}
	return nil
}
