package watch

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"os"
	"slices"
	"time"
)

const (
	// lookEvery is the time between two checks of the files. A changed file is read once two checks
	// in a row find the same content, because a file may be half written.
	lookEvery = 2 * time.Second
	// maxReads bounds how often read repeats the reading, until the set of named files no longer
	// changes.
	maxReads = 4
)

// Loaded holds the watch lists of a configuration.
type Loaded struct {
	Lists []List
	// Notes are sentences about likely mistakes that are no faults.
	Notes []string
	// Files are the files that the lists were read from. They are set even if there are faults.
	Files []string
}

// Reader reads watch lists, and reads them again when a file has changed. Open creates it. It
// belongs to one goroutine.
type Reader struct {
	load  func() (Loaded, error)
	now   Loaded
	print [sha256.Size]byte // of the files before they were last read
}

// Open reads the lists. The error joins all faults.
func Open(load func() (Loaded, error)) (*Reader, error) {
	r := &Reader{load: load}
	_, err := r.read()
	return r, err
}

// Lists returns the lists that were last read without a fault.
func (r *Reader) Lists() []List { return r.now.Lists }

// Notes returns the notes on these lists.
func (r *Reader) Notes() []string { return r.now.Notes }

// read reads the lists. It takes the fingerprint of the files just before. If there is a fault, the
// lists stay as they were.
func (r *Reader) read() (Loaded, error) {
	files := r.now.Files
	var l Loaded
	var err error
	for range maxReads {
		r.print = fingerprint(files)
		if l, err = r.load(); slices.Equal(l.Files, files) {
			break
		}
		files = l.Files
	}
	if err != nil {
		r.now.Files = files
		return l, err
	}
	r.now = l
	return l, nil
}

// follow reads the lists again when a file has changed, and after a signal on hangup, until ctx
// ends. It logs faults, and passes lists without a fault to take.
func (r *Reader) follow(ctx context.Context, log *slog.Logger, hangup <-chan os.Signal, take func([]List)) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	var seen [sha256.Size]byte
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		case <-t.C:
			last := seen
			if seen = fingerprint(r.now.Files); seen == r.print || seen != last {
				continue
			}
		}
		notes := r.now.Notes
		l, err := r.read()
		if err != nil {
			log.Warn("the changed watch lists cannot be used: the old ones stay", "err", err)
			continue
		}
		for _, note := range l.Notes {
			if !slices.Contains(notes, note) {
				log.Warn("about a watch list", "note", note)
			}
		}
		take(l.Lists)
	}
}

// maxPrint bounds the octets of a file that are read to find a change. No accepted file is larger.
const maxPrint = maxFileBytes

// fingerprint hashes the contents of files. It follows symbolic links.
func fingerprint(files []string) [sha256.Size]byte {
	h := sha256.New()
	for _, path := range files {
		b, err := contentOf(path, maxPrint)
		if err != nil {
			b = []byte(err.Error())
		}
		sum := sha256.Sum256(b)
		h.Write([]byte(path))
		h.Write(sum[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Load reads the watch lists of a section without Faults, and the files that it names. at is the
// file that contains the section, empty if there is none. The error joins all faults of the files.
func Load(s Section, at string) (l Loaded, err error) {
	if at != "" {
		l.Files = append(l.Files, at)
	}
	for _, c := range s {
		for _, path := range c.Files {
			if !slices.Contains(l.Files, path) {
				l.Files = append(l.Files, path)
			}
		}
	}
	l.Lists, l.Notes, err = Read(s)
	return l, err
}
