package capture

import (
	"errors"
	"fmt"
)

// Reason says what kind of damage it is; the set is closed, for metrics and headers of dead letters.
type Reason string

// The reasons.
const (
	// Empty: the file has no octets, or none but those of its compression.
	Empty Reason = "empty"
	// UnknownFormat: not an MRT, RIS Live or BMP file.
	UnknownFormat Reason = "unknown_format"
	// Truncated: the file ends inside a record or inside its compression.
	Truncated Reason = "truncated"
	// BadCompression: the compressed data are damaged, or use more memory than allowed.
	BadCompression Reason = "bad_compression"
	// NestedCompression: compressed data inside compressed data.
	NestedCompression Reason = "nested_compression"
	// BadLength: a record's length cannot be right; BadHeader: its type or version cannot. Reading goes on at the next thing
	// that looks like a record.
	BadLength Reason = "bad_length"
	BadHeader Reason = "bad_header"
	// BadRecord: a record that is framed soundly and cannot be decoded.
	BadRecord Reason = "bad_record"
	// BadTime: a record that is read, and whose time is not that of the records around it. What it says is played where it stands.
	BadTime Reason = "bad_time"
	// BadTable: a table of which too much could not be read to count as whole.
	BadTable Reason = "bad_table"
	// NoRecord: nothing that can be read in GiveUpBytes; the rest of the file is given up.
	NoRecord Reason = "no_record"
	// ReadFailed: the operating system or the pipe failed.
	ReadFailed Reason = "read_failed"
)

// Damage is a part of a capture that could not be read.
type Damage struct { //nolint:errname // it is what dead letters and reports call it, too
	File string
	// Offset is where the record begins in the decompressed stream; Number is the record's, counted from 1, or that of the
	// record before where the damage is no record.
	Offset int64
	Number uint64
	Reason Reason
	// Skipped is how many octets from Offset on were passed over because no record could be made out; 0 elsewhere.
	Skipped int64
	Err     error
	// Raw is the record as it stands in the file, at most MaxRaw octets of it; empty where the damage is no record.
	Raw []byte
	// Partial: the record was handed out, just before, without what is damaged.
	Partial bool
}

// MaxRaw caps Damage.Raw.
const MaxRaw = 1 << 20

// Error names the file, the record, the offset and the fault.
func (d *Damage) Error() string {
	switch {
	case d.NoCapture(), d.Reason == Empty: // it is about the file
		return fmt.Sprintf("%s: %v", d.File, d.Err)
	case d.Reason == BadTable: // it is about no record
		return fmt.Sprintf("%s: %s: %v", d.File, d.Reason, d.Err)
	}
	return fmt.Sprintf("%s: record %d at offset %d: %s: %v", d.File, d.Number, d.Offset, d.Reason, d.Err)
}

// NoCapture reports whether the file is something else than a capture.
func (d *Damage) NoCapture() bool { return d.Reason == UnknownFormat || d.Reason == NestedCompression }

// Unwrap returns the fault.
func (d *Damage) Unwrap() error { return d.Err }

// What a whole file can suffer from; each comes in a Damage.
var (
	ErrEmpty         = errors.New("the file is empty")
	ErrUnknownFormat = errors.New("not an MRT, RIS Live or BMP file")
	ErrNested        = errors.New("compressed data inside compressed data are refused")
	ErrNoRecord      = fmt.Errorf("no record in %d octets, the rest is given up", int64(GiveUpBytes))
)
