package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// bufferBytes is the size of each of the two read buffers.
const bufferBytes = 256 << 10

// source reads the records of one format.
type source interface {
	// next fills it with the next record. A *Damage needs no File and Number. The end is io.EOF.
	next(it *Item) error
}

// Reader reads one capture. One goroutine uses it.
type Reader struct {
	name    string
	size    int64
	closers []func() error
	file    counter
	plain   stream
	format  Format
	src     source
	item    Item
	stats   Stats
	// pending is damage found before the first record. final is set once only io.EOF follows.
	pending *Damage
	final   bool
}

// Stats counts what a Reader has read so far.
type Stats struct {
	// Records counts framed records, damaged ones included. Items counts the items that Next
	// returned.
	Records, Items uint64
	// FileBytes are the octets read from the file, Bytes the decompressed octets.
	FileBytes, Bytes int64
	// Damaged counts damages by reason. Notes counts the items of kind Note by their Note.
	Damaged map[Reason]uint64
	Notes   map[string]uint64
}

// Open opens the file at path, or takes stdin if path is "-". Its errors are those of the operating
// system: the file is missing, may not be read, or is a directory. Next returns all faults of the
// content.
func Open(path string, stdin io.Reader) (*Reader, error) {
	if path == "-" {
		if stdin == nil {
			return nil, errors.New("opening standard input: there is none")
		}
		return New(stdin, "standard input")
	}
	f, err := os.Open(path) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("opening a capture: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening a capture: %w", err), f.Close())
	}
	r, err := New(f, path)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.closers = append(r.closers, f.Close)
	if info.Mode().IsRegular() {
		r.size = info.Size()
	}
	return r, nil
}

// New reads a capture from r; name names the file in errors. It waits for the first octets, by
// which it recognises compression and format. Next returns their faults. The error is non-nil only
// if r is nil.
func New(r io.Reader, name string) (*Reader, error) {
	if r == nil {
		return nil, fmt.Errorf("reading %s: no reader", name)
	}
	rd := &Reader{name: name, size: -1}
	rd.stats.Damaged, rd.stats.Notes = map[Reason]uint64{}, map[string]uint64{}
	rd.file.r = r
	rd.start()
	return rd, nil
}

// start recognises compression and format and sets src or pending.
func (r *Reader) start() {
	packed := bufio.NewReaderSize(&r.file, bufferBytes)
	if _, err := packed.Peek(1); errors.Is(err, io.EOF) {
		r.refuse(Empty, ErrEmpty)
		return
	}
	plain, compression, err := unpack(packed)
	r.plain.compression = compression
	if err != nil {
		r.plain.err = err
		r.refuse(r.plain.reason(r.file.failed.Load()), err)
		return
	}
	if c, ok := plain.(io.Closer); ok {
		r.closers = append(r.closers, func() error {
			_ = c.Close() // frees memory; faults of the data are already reported
			return nil
		})
	}
	r.plain.r = plain
	br := bufio.NewReaderSize(&r.plain, bufferBytes)
	head, err := br.Peek(sniffFirst)
	if len(head) == 0 && err != nil {
		if r.plain.err != nil {
			r.refuse(r.plain.reason(r.file.failed.Load()), r.plain.err)
			return
		}
		r.refuse(Empty, ErrEmpty)
		return
	}
	if compression != Plain && compressionOf(head) != Plain {
		r.refuse(NestedCompression, ErrNested)
		return
	}
	if r.format = formatOfStart(head); r.format == "" {
		head, _ = br.Peek(sniffWindow) // a short file is no error here
		if err := foreignFormat(head); err != nil {
			r.refuse(UnknownFormat, err)
			return
		}
		r.format = formatOfWindow(head)
	}
	r.begin(br, head)
}

// begin sets the source of the recognised format.
func (r *Reader) begin(br *bufio.Reader, head []byte) {
	switch r.format {
	case MRT:
		r.src = newMRTSource(br)
	case RISLive:
		r.src = newRISLiveSource(br)
	case BMP:
		r.src = newBMPSource(br)
	default:
		if r.plain.err != nil {
			r.refuse(r.plain.reason(r.file.failed.Load()), r.plain.err)
			return
		}
		r.refuse(UnknownFormat, unknownFormat(head))
	}
}

// refuse makes Next return one damage and then io.EOF.
func (r *Reader) refuse(reason Reason, err error) {
	r.pending = &Damage{Reason: reason, Err: err}
	r.plain.err = nil
	r.final = true
}

// Next returns the next item, which is valid until the next call, or a *Damage, after which it may
// be called again, or io.EOF. It returns no other error.
func (r *Reader) Next() (*Item, error) {
	if d := r.pending; d != nil {
		r.pending = nil
		return nil, r.damaged(d)
	}
	if r.final {
		return nil, io.EOF
	}
	r.item = Item{}
	err := r.src.next(&r.item)
	if err == nil {
		r.plain.quiet = 0
		r.stats.Records++
		r.stats.Items++
		r.item.Number = r.stats.Records
		if r.item.Kind == Note {
			r.stats.Notes[r.item.Note]++
		}
		return &r.item, nil
	}
	if errors.Is(err, io.EOF) {
		return nil, r.end()
	}
	d, ok := errors.AsType[*Damage](err)
	if !ok {
		d = &Damage{Offset: r.plain.n, Reason: BadRecord, Err: err}
	}
	if !d.Partial {
		r.stats.Records++
	}
	if d.Reason == UnknownFormat {
		r.final = true
		r.plain.err = nil
	}
	if d.Reason == Truncated && r.plain.err != nil {
		// The record is cut because the stream is: this is one damage, not two.
		d.Reason, d.Err = r.plain.reason(r.file.failed.Load()), fmt.Errorf("%w: %w", d.Err, r.plain.err)
		r.plain.err = nil
		r.final = true
	}
	return nil, r.damaged(d)
}

// end returns, once, the reason why a stream ended too early, and then io.EOF.
func (r *Reader) end() error {
	r.final = true
	if r.plain.err == nil {
		return io.EOF
	}
	d := &Damage{Offset: r.plain.n, Reason: r.plain.reason(r.file.failed.Load()), Err: r.plain.err}
	r.plain.err = nil
	return r.damaged(d)
}

// damaged completes and counts d.
func (r *Reader) damaged(d *Damage) error {
	d.File, d.Number = r.name, r.stats.Records
	d.Raw = bytes.Clone(d.Raw[:min(len(d.Raw), MaxRaw)])
	r.stats.Damaged[d.Reason]++
	return d
}

// Close closes the file. Standard input stays open.
func (r *Reader) Close() error {
	var errs []error
	for _, c := range r.closers {
		errs = append(errs, c())
	}
	r.closers, r.final, r.pending = nil, true, nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing %s: %w", r.name, err)
	}
	return nil
}

// Compression returns the compression of the file.
func (r *Reader) Compression() Compression { return r.plain.compression }

// Name returns the file's name in errors.
func (r *Reader) Name() string { return r.name }

// Stats returns the counts so far. The Reader keeps and changes the maps.
func (r *Reader) Stats() Stats {
	s := r.stats
	s.FileBytes, s.Bytes = r.file.n.Load(), r.plain.n
	return s
}

// Progress returns the number of octets read from the file, before decompression, and the size of
// the file; -1 if the size is unknown. Any goroutine may call it.
func (r *Reader) Progress() (read, size int64) { return r.file.n.Load(), r.size }
