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

// Bounds of one file. The largest public ones (city-level MMDBs) have some 130 MB and 10 million networks.
const (
	MaxBytes = 1 << 30
	MaxRows  = 16 << 20
	maxLine  = 64 << 10
)

// Errors that a caller may tell apart.
var (
	// ErrUnrecognised: the content has none of the known forms.
	ErrUnrecognised = errors.New("not a known form of location, origin or name data")
	// ErrTooLarge: the file exceeds MaxBytes or MaxRows.
	ErrTooLarge = errors.New("file too large")
	// ErrDamaged: more than 1 % of the rows cannot be read, or the file ends too soon.
	ErrDamaged = errors.New("damaged file")
)

// Format is a form of file.
type Format uint8

// The forms.
const (
	FormatMMDB Format = iota + 1
	FormatRanges
	FormatDelegated
	FormatNames
)

// String returns mmdb, ranges, delegated or names.
func (f Format) String() string {
	names := [...]string{FormatMMDB: "mmdb", FormatRanges: "ranges", FormatDelegated: "delegated",
		FormatNames: "names"}
	if int(f) < len(names) && f != 0 {
		return names[f]
	}
	return fmt.Sprintf("format(%d)", uint8(f))
}

// Range is a run of addresses and what a file says of them. Empty and 0 are unknown.
type Range struct {
	Family bgp.Family
	// First and Last are IPv4 addresses, or the upper 64 bits of IPv6 addresses; a part of a /64 counts as the whole.
	First, Last uint64
	// Country is ISO 3166-1 alpha-2, one that bgp.CountryName knows. Region is ISO 3166-2 of that country.
	Country, Region string
	// ASN originates the addresses; Organisation is its name as the file has it.
	ASN          bgp.ASN
	Organisation string
}

// AS is a run of AS numbers and what a file says of them.
type AS struct {
	First, Last bgp.ASN
	// Name is short, Organisation is long.
	Name, Organisation string
	// Country is where the number is registered.
	Country string
}

// Visitor is given the rows of a file. A nil function passes its rows over; an error ends the reading and is returned.
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

// Info says what was read.
type Info struct {
	Format Format
	// Kind is an MMDB's own database_type.
	Kind string
	// Rows were understood, Skipped were not.
	Rows, Skipped int
	// Hash is the SHA-256 of the file as it stands on disk, in hex.
	Hash string
}

// Sniff opens the file at path and recognises its form.
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

// Read reads the file at path. Errors name what was wrong, not the file.
func Read(path string, v Visitor) (Info, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return Info{}, fmt.Errorf("opening: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	return ReadFrom(f, v)
}

// ReadFrom is Read of a stream.
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

// input is a file's decompressed content and what its beginning tells.
type input struct {
	raw    io.Reader // what is left of the file; reading it feeds hash
	hash   hash.Hash
	text   *bufio.Reader
	budget *io.LimitedReader
	format Format
	layout layout
	err    error // not recognised
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
		content = bzip2.NewReader(file) // a few MB: one core does it, and leaves no goroutine that reads beside sum
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

// sum reads the rest of the file and returns the hash of all of it.
func (in *input) sum() (string, error) {
	if in.budget.N <= 0 {
		return "", fmt.Errorf("more than %d bytes: %w", MaxBytes, ErrTooLarge)
	}
	if _, err := io.Copy(io.Discard, in.raw); err != nil {
		return "", fmt.Errorf("reading: %w", err)
	}
	return hex.EncodeToString(in.hash.Sum(nil)), nil
}

// readLines gives every line that is not empty or a comment to row, which reports whether it understood it.
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
