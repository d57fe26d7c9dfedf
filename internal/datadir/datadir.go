package datadir

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/darkmap/darkmap/internal/atomicfile"
)

// ErrLocked says that another instance has the folder.
var ErrLocked = errors.New("in use by another darkmap")

// ErrNothing says that nothing was ever stored in the folder.
var ErrNothing = errors.New("nothing was ever stored in")

const (
	// lockWait is how long a predecessor that is ending is waited for, lockLook how often it is looked at.
	lockWait = 8 * time.Second
	lockLook = 50 * time.Millisecond
	// lockSilent is after how long it is said that a predecessor is waited for.
	lockSilent = time.Second
)

// Dir is the folder, locked by this process. Close releases it; so does the end of the process, however it ends.
type Dir struct {
	path string
	lock *os.File
}

// Default is where the folder is unless something else is said: $XDG_STATE_HOME/darkmap, or ~/.local/state/darkmap.
func Default() (string, error) {
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "darkmap"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("finding the data directory: %w (name one with --data-dir)", err)
	}
	return filepath.Join(home, ".local", "state", "darkmap"), nil
}

// Path returns path, or the default where it is empty.
func Path(path string) (string, error) {
	if path == "" {
		return Default()
	}
	return path, nil
}

// Waiting is told, once and after a second, that another process has the folder: which it is, as far as known, and for how long it is
// waited for at most.
type Waiting func(path, who string, limit time.Duration)

// Open is OpenTelling without a word.
func Open(path string) (*Dir, error) { return OpenTelling(path, nil) }

// OpenTelling makes the folder if it has to, locks it, and checks its version: ErrLocked where another instance keeps it for
// more than a few seconds, ErrNewer, ErrOlder or ErrNoVersion where it is not for this darkmap: then it stays as it is.
// What a dead instance left in run.json is removed.
func OpenTelling(path string, waiting Waiting) (*Dir, error) {
	path, err := Path(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	d := &Dir{path: path}
	if err := d.acquire(waiting); err != nil {
		return nil, err
	}
	if err := d.prepare(); err != nil {
		return nil, errors.Join(err, d.release())
	}
	return d, nil
}

// prepare checks the version, makes what is missing, and removes what a dead instance left.
func (d *Dir) prepare() error {
	found, err := checkVersion(d.path)
	if err == nil && !found {
		err = atomicfile.Write(filepath.Join(d.path, versionFile), []byte(strconv.Itoa(version)+"\n"))
	}
	if err != nil {
		return err
	}
	for _, sub := range []string{"kafka", "clickhouse", guestsFolder} {
		if err := os.MkdirAll(filepath.Join(d.path, sub), 0o700); err != nil {
			return fmt.Errorf("making the data directory: %w", err)
		}
	}
	return errors.Join(removeIfThere(d.runFile()), d.emptyTemp())
}

// OpenStore is Open for those who read the embedded store and must not make one: ErrNothing, and no file is made, where the folder or
// the store in it is not there.
func OpenStore(path string) (*Dir, error) {
	path, err := Path(path)
	if err != nil {
		return nil, err
	}
	found, err := HasStore(path)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("%w %s", ErrNothing, path)
	}
	return Open(path)
}

// HasStore reports whether an embedded store was ever made in the folder (the default where path is empty). Its errors are those of
// the version, as Open's.
func HasStore(path string) (bool, error) {
	path, err := Path(path)
	if err != nil {
		return false, err
	}
	if found, err := checkVersion(path); err != nil || !found {
		return false, err
	}
	_, err = os.Stat(filepath.Join(path, "clickhouse", "data"))
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("looking into the data directory: %w", err)
	}
	return true, nil
}

// acquire takes the lock, waiting for a predecessor that is ending.
func (d *Dir) acquire(waiting Waiting) error {
	f, err := os.OpenFile(filepath.Join(d.path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("locking the data directory: %w", err)
	}
	began := time.Now()
	look := time.NewTicker(lockLook)
	defer look.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			d.lock = f
			d.sign()
			return nil
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return errors.Join(fmt.Errorf("locking the data directory: %w", err), f.Close())
		case time.Since(began) > lockWait:
			return errors.Join(fmt.Errorf("data directory %s: %w%s: end that, or name another directory with --data-dir", d.path, ErrLocked, inBrackets(Holder(d.path))), f.Close())
		case waiting != nil && time.Since(began) > lockSilent:
			waiting(d.path, Holder(d.path), lockWait-lockSilent)
			waiting = nil
		}
		<-look.C
	}
}

// sign writes into the lock who has it, for those who wait. Nothing depends on it: what cannot be written stays unsaid.
func (d *Dir) sign() {
	command := "darkmap"
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		command = os.Args[1]
	}
	if d.lock.Truncate(0) == nil {
		_, _ = fmt.Fprintf(d.lock, "%s, process %d\n", command, os.Getpid())
	}
}

// Holder says who has the folder (the default where path is empty), as command and process, also before it says in run.json what runs;
// empty where nobody has it, or it is not known.
func Holder(path string) string {
	path, err := Path(path)
	if err != nil {
		return ""
	}
	if r, err := ReadRun(path); err == nil && r != nil {
		return fmt.Sprintf("%s, process %d", r.Command, r.PID)
	}
	if busy, err := InUse(path); err != nil || !busy {
		return ""
	}
	b, err := os.ReadFile(filepath.Join(path, "lock")) //nolint:gosec // below the data directory
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b[:min(len(b), 200)]))
}

func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// Installation is an id that no other folder has: what it names elsewhere (a consumer group on others' clusters) is its own.
func (d *Dir) Installation() (string, error) {
	path := filepath.Join(d.path, "installation")
	b, err := os.ReadFile(path) //nolint:gosec // below the data directory
	if err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("reading the installation's id: %w", err)
	}
	id := strings.ToLower(rand.Text())
	return id, atomicfile.Write(path, []byte(id+"\n"))
}

// Path is the folder's.
func (d *Dir) Path() string { return d.path }

// Temp is for files of this run: what a killed one left there is removed when the folder is opened next.
func (d *Dir) Temp() string { return filepath.Join(d.path, "tmp") }

func (d *Dir) emptyTemp() error {
	if err := os.RemoveAll(d.Temp()); err != nil {
		return fmt.Errorf("removing what an earlier run left: %w", err)
	}
	if err := os.Mkdir(d.Temp(), 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	return nil
}

// Kafka is where the embedded broker keeps its data.
func (d *Dir) Kafka() string { return filepath.Join(d.path, "kafka") }

// ClickHouse is where the embedded engine keeps its data.
func (d *Dir) ClickHouse() string { return filepath.Join(d.path, "clickhouse") }

// Close removes run.json and releases the folder.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	return errors.Join(removeIfThere(d.runFile()), d.release())
}

// release unlocks the folder. Unlocking is not left to the closing: a child that is just being forked has the file too.
func (d *Dir) release() error {
	err := errors.Join(syscall.Flock(int(d.lock.Fd()), syscall.LOCK_UN), d.lock.Close())
	d.lock = nil
	return err
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", filepath.Base(path), err)
	}
	return nil
}
