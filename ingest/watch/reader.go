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
	// lookEvery is how often files are looked at. What has changed is read when it has stood still from one look to the next: a file may be
	// half written.
	lookEvery = 2 * time.Second
	// maxReads bounds how often files are read in a row until those that are named are known.
	maxReads = 4
)

// Loaded is what a configuration says of watch lists.
type Loaded struct {
	Lists []List
	// Notes are sentences on what is no fault and may be a mistake.
	Notes []string
	// Files are the files that it was read from, also where there are faults.
	Files []string
}

// Reader reads watch lists, and reads them again when a file has changed. Open makes one. It belongs to one goroutine.
type Reader struct {
	load  func() (Loaded, error)
	now   Loaded
	print [sha256.Size]byte // of the files when they were read last
}

// Open reads the lists. The error joins all faults.
func Open(load func() (Loaded, error)) (*Reader, error) {
	r := &Reader{load: load}
	_, err := r.read()
	return r, err
}

// Lists are those that were read last without a fault.
func (r *Reader) Lists() []List { return r.now.Lists }

// Notes are those on the lists.
func (r *Reader) Notes() []string { return r.now.Notes }

// read reads the lists, and remembers what the files were just before. With a fault the lists stay as they were.
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

// follow reads the lists again when a file has changed, and when told to (hangup), until ctx ends. It says faults, and gives lists without a fault to
// take.
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

// maxPrint bounds what is read of a file to find out whether it has changed: no file that is read is larger.
const maxPrint = maxFileBytes

// fingerprint tells contents of files apart. What is linked counts, not the link.
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

// Load makes what a configuration says of watch lists of its section, without Faults, and of the files that it names. at is the file that
// the section stands in, empty where there is none. The error joins all faults of the files.
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
