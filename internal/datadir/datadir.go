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

// ErrLocked reports that another instance has locked the folder.
var ErrLocked = errors.New("in use by another darkmap")

// ErrNothing reports that the folder never held a store.
var ErrNothing = errors.New("nothing was ever stored in")

const (
	// lockWait is the time for which Open waits for an ending predecessor, lockLook the interval of
	// its attempts.
	lockWait = 8 * time.Second
	lockLook = 50 * time.Millisecond
	// lockSilent is the time after which the Waiting function is called.
	lockSilent = time.Second
)

// Dir is the folder, locked by this process. Close releases it, and so does any end of the process.
type Dir struct {
	path string
	lock *os.File
}

// Default returns the folder's default path: $XDG_STATE_HOME/darkmap, or ~/.local/state/darkmap.
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

// Path returns path, or the default if path is empty.
func Path(path string) (string, error) {
	if path == "" {
		return Default()
	}
	return path, nil
}

// Waiting is called once, a second after Open began to wait for another process that has the
// folder: who names that process if it is known, limit is the maximum time still to wait.
type Waiting func(path, who string, limit time.Duration)

// Open calls OpenTelling without a Waiting function.
func Open(path string) (*Dir, error) { return OpenTelling(path, nil) }

// OpenTelling creates the folder if necessary, locks it, and checks its version. It returns
// ErrLocked if another instance keeps the folder for more than lockWait, and ErrNewer, ErrOlder or
// ErrNoVersion if the folder's version is not this darkmap's: then the folder stays unchanged. It
// removes the run.json of a dead instance.
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

// prepare checks the version, creates missing folders, and removes the files of a dead instance.
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

// OpenStore opens the folder for a reader of the embedded store, who must not create one. It
// returns ErrNothing, and creates no file, if the folder or the store in it does not exist.
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

// HasStore reports whether the folder (the default if path is empty) holds an embedded store. It
// returns the same errors of the version as Open.
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

// acquire takes the lock. It waits for a predecessor that is ending.
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
			return errors.Join(
				fmt.Errorf("data directory %s: %w%s: end that, or name another directory with --data-dir",
					d.path, ErrLocked, inBrackets(Holder(d.path))),
				f.Close())
		case waiting != nil && time.Since(began) > lockSilent:
			waiting(d.path, Holder(d.path), lockWait-lockSilent)
			waiting = nil
		}
		<-look.C
	}
}

// sign writes the command and the process into the lock file, for processes that wait. It ignores
// errors, because nothing depends on the text.
func (d *Dir) sign() {
	command := "darkmap"
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		command = os.Args[1]
	}
	if d.lock.Truncate(0) == nil {
		_, _ = fmt.Fprintf(d.lock, "%s, process %d\n", command, os.Getpid())
	}
}

// Holder returns the command and the process that have the folder (the default if path is empty),
// also before run.json exists. It is empty if no process has the folder, or the process is unknown.
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

// Installation returns an id that no other folder has. It makes names on shared systems unique,
// such as a consumer group on another cluster.
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

// Path returns the path of the folder.
func (d *Dir) Path() string { return d.path }

// Temp returns the folder for files of this run. The next Open removes the files of a killed run.
func (d *Dir) Temp() string { return filepath.Join(d.path, "tmp") }

func (d *Dir) emptyTemp() error {
	if err := os.RemoveAll(d.Temp()); err != nil {
		return fmt.Errorf("removing the files of an earlier run: %w", err)
	}
	if err := os.Mkdir(d.Temp(), 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	return nil
}

// Kafka returns the data folder of the embedded broker.
func (d *Dir) Kafka() string { return filepath.Join(d.path, "kafka") }

// ClickHouse returns the data folder of the embedded engine.
func (d *Dir) ClickHouse() string { return filepath.Join(d.path, "clickhouse") }

// Close removes run.json and releases the folder.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	return errors.Join(removeIfThere(d.runFile()), d.release())
}

// release unlocks the folder. It unlocks explicitly, because closing is not enough: a child that is
// being forked holds the file too.
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
