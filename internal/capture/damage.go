package capture

import (
	"errors"
	"fmt"
)

// Reason is the kind of a damage. The set is closed, for metrics and headers of dead letters.
type Reason string

// The reasons.
const (
	// Empty: the file has no octets, or only those of its compression.
	Empty Reason = "empty"
	// UnknownFormat: the file is not an MRT, RIS Live or BMP file.
	UnknownFormat Reason = "unknown_format"
	// Truncated: the file ends inside a record or inside its compression.
	Truncated Reason = "truncated"
	// BadCompression: the compressed data are damaged, or use more memory than allowed.
	BadCompression Reason = "bad_compression"
	// NestedCompression: the file holds compressed data inside compressed data.
	NestedCompression Reason = "nested_compression"
	// BadLength: a record's length is impossible. BadHeader: its type or version is impossible.
	// Reading goes on at the next octets that look like a record.
	BadLength Reason = "bad_length"
	BadHeader Reason = "bad_header"
	// BadRecord: a record has a sound frame and cannot be decoded.
	BadRecord Reason = "bad_record"
	// BadTime: a record's time does not fit the records around it. The record is played at its
	// place in the file.
	BadTime Reason = "bad_time"
	// BadTable: too much of a table could not be read for it to count as whole.
	BadTable Reason = "bad_table"
	// NoRecord: GiveUpBytes held no readable record. The rest of the file is not read.
	NoRecord Reason = "no_record"
	// ReadFailed: the operating system or the pipe failed.
	ReadFailed Reason = "read_failed"
)

// Damage is a part of a capture that could not be read.
type Damage struct { //nolint:errname // it is what dead letters and reports call it, too
	File string
	// Offset is the start of the record in the decompressed stream. Number is the number of the
	// record, from 1; of a damage that is no record, the number of the record before.
	Offset int64
	Number uint64
	Reason Reason
	// Skipped is the number of octets skipped from Offset on because they held no record; else 0.
	Skipped int64
	Err     error
	// Raw is the record as in the file, at most MaxRaw octets of it; empty if the damage is no
	// record.
	Raw []byte
	// Partial is set if the record was returned just before, without its damaged part.
	Partial bool
}

// MaxRaw bounds Damage.Raw, in octets.
const MaxRaw = 1 << 20

// Error names the file, the record, the offset and the fault.
func (d *Damage) Error() string {
	switch {
	case d.NoCapture(), d.Reason == Empty: // the damage is of the whole file
		return fmt.Sprintf("%s: %v", d.File, d.Err)
	case d.Reason == BadTable: // the damage is of no single record
		return fmt.Sprintf("%s: %s: %v", d.File, d.Reason, d.Err)
	}
	return fmt.Sprintf("%s: record %d at offset %d: %s: %v", d.File, d.Number, d.Offset, d.Reason, d.Err)
}

// NoCapture reports whether the file is not a capture.
func (d *Damage) NoCapture() bool { return d.Reason == UnknownFormat || d.Reason == NestedCompression }

// Unwrap returns the fault.
func (d *Damage) Unwrap() error { return d.Err }

// The errors of a whole file. Each is returned in a Damage.
var (
	ErrEmpty         = errors.New("the file is empty")
	ErrUnknownFormat = errors.New("not an MRT, RIS Live or BMP file")
	ErrNested        = errors.New("compressed data inside compressed data are refused")
	ErrNoRecord      = fmt.Errorf("no record in %d octets, the rest is given up", int64(GiveUpBytes))
)
