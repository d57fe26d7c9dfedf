package sqlshell

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// File writes the output of one statement to a file. Until the statement has succeeded, the output
// is in a temporary file in the same folder; a failed statement leaves no file. It is not safe for
// concurrent use.
type File struct {
	// Path names the file. Its ending selects the compression (.gz, .zst).
	Path string
	// Force allows File to replace an existing file.
	Force bool
	// Format is the format that the ending of Path selects; empty allows any.
	Format string

	filled bool
}

// Check returns an error if the file cannot be created. It is called before a statement runs.
func (f *File) Check() error {
	info, err := os.Stat(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		_, err = os.Stat(filepath.Dir(f.Path))
		if err != nil {
			return fmt.Errorf("writing %s: %w", f.Path, err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("writing the output: %w", err)
	case info.IsDir():
		return fmt.Errorf("%s is a folder: want the name of a file", f.Path)
	case info.Mode().IsRegular() && !f.Force:
		return fmt.Errorf("%s is there already: --force replaces it", f.Path)
	}
	return nil
}

// Take writes an answer to the file. It writes nothing if it fails, unless Path is a device or a
// pipe.
func (f *File) Take(a *clickhouse.Answer) (written int64, err error) {
	if f.Format != "" && a.Format != "" && a.Format != f.Format {
		return 0, fmt.Errorf("%w: the statement has FORMAT %s, but the name of %s asks for %s: "+
			"leave FORMAT out, or choose another name",
			ErrOutput, a.Format, f.Path, f.Format)
	}
	in := bufio.NewReader(a)
	if _, err := in.Peek(1); errors.Is(err, io.EOF) { // no output, as of SET
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	if f.filled {
		return 0, fmt.Errorf("%w: two statements have output, and %s takes that of one", ErrOutput, f.Path)
	}
	if info, err := os.Stat(f.Path); err == nil && !info.Mode().IsRegular() { // a device or a pipe
		out, err := os.OpenFile(f.Path, os.O_WRONLY, 0)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrOutput, err)
		}
		written, err = f.copy(out, in)
		if closeErr := out.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("%w: %w", ErrOutput, closeErr)
		}
		f.filled = err == nil
		return written, err
	}
	out, err := f.temporary()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrOutput, err)
	}
	n, err := f.copy(out, in)
	if err == nil {
		err = f.rename(out.Name())
	}
	if err != nil {
		if removeErr := os.Remove(out.Name()); !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}
	if closeErr := out.Close(); err == nil && closeErr != nil { // the lock ends here
		err = fmt.Errorf("%w: %w", ErrOutput, closeErr)
	}
	if err != nil {
		return 0, err
	}
	f.filled = true
	return n, nil
}

// copy copies in to out, compressed by the ending of Path.
func (f *File) copy(out *os.File, in io.Reader) (int64, error) {
	w := &writer{w: out}
	packed, err := compressed(f.Path, w)
	var n int64
	if err == nil {
		n, err = io.Copy(packed, in)
		err = cmp.Or(err, packed.Close())
	}
	if info, statErr := out.Stat(); err == nil && statErr == nil && info.Mode().IsRegular() {
		w.err = out.Sync()
	}
	if w.err != nil {
		return n, fmt.Errorf("%w: %w", ErrOutput, w.err)
	}
	return n, err
}

// compressed returns a compressing writer into w by the ending of path. Its Close leaves w open.
func compressed(path string, w io.Writer) (io.WriteCloser, error) {
	switch _, ending := compression(path); ending {
	case ".gz":
		return gzip.NewWriter(w), nil
	case ".zst":
		return zstd.NewWriter(w)
	}
	return plain{w}, nil
}

// plain is a writer whose Close does nothing.
type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// rename gives the file its name. Without Force it keeps a file that was created meanwhile.
func (f *File) rename(temporary string) error {
	if f.Force {
		if err := os.Rename(temporary, f.Path); err != nil {
			return fmt.Errorf("%w: %w", ErrOutput, err)
		}
		return nil
	}
	err := os.Link(temporary, f.Path)
	switch {
	case err == nil:
		err = os.Remove(temporary)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%w: %s was made by somebody else meanwhile: --force replaces it", ErrOutput, f.Path)
	default: // a file system without hard links
		err = os.Rename(temporary, f.Path)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOutput, err)
	}
	return nil
}
