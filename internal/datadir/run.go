package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/darkmap/darkmap/internal/atomicfile"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/kafka"
)

// Run is run.json: the process that holds the folder, for other processes of the same user. It
// holds passwords; its mode is 0600.
type Run struct {
	PID int `json:"pid"`
	// Command is the running command: replay, demo, sql.
	Command string `json:"command"`
	Dataset string `json:"dataset,omitempty"`
	// Kafka lists the brokers' addresses; empty if no broker runs.
	Kafka []string `json:"kafka,omitempty"`
	// KafkaCredentials are the credentials of the embedded broker; none if the brokers are
	// configured.
	KafkaCredentials kafka.Credentials `json:"kafka_credentials,omitzero"`
	// ClickHouse is the store; nil if none runs.
	ClickHouse *clickhouse.Server `json:"clickhouse,omitempty"`
	// Admin is the address of the admin server; empty if none runs.
	Admin string `json:"admin,omitempty"`
	// DoorKey is the key of the detector's query door on the admin server; empty if there is no
	// door.
	DoorKey string `json:"door_key,omitempty"`
	// ServeKey gives access to the private parts of the pages; empty if the configuration names
	// keys, or if there are no pages.
	ServeKey string `json:"serve_key,omitempty"`
}

func (d *Dir) runFile() string { return filepath.Join(d.path, "run.json") }

// WriteRun writes run.json.
func (d *Dir) WriteRun(r Run) error {
	r.PID = os.Getpid()
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing run.json: %w", err)
	}
	return atomicfile.Write(d.runFile(), append(b, '\n'))
}

// ReadRun reads the run.json of the folder (the default if path is empty). It returns nil if no
// instance runs, even if a dead one left its run.json. It returns the same errors of the version as
// Open.
func ReadRun(path string) (*Run, error) {
	path, err := Path(path)
	if err != nil {
		return nil, err
	}
	if _, err := checkVersion(path); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(path, "run.json")) //nolint:gosec // below the data directory
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // nothing runs, and that is no error
	}
	if err != nil {
		return nil, fmt.Errorf("reading run.json: %w", err)
	}
	locked, err := isLocked(filepath.Join(path, "lock"))
	if err != nil || !locked {
		return nil, err
	}
	var r Run
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("reading run.json: %w", err)
	}
	return &r, nil
}

// InUse reports whether a process has the folder (the default if path is empty), even one that has
// not yet written run.json.
func InUse(path string) (bool, error) {
	path, err := Path(path)
	if err != nil {
		return false, err
	}
	return isLocked(filepath.Join(path, "lock"))
}

// isLocked reports whether a process has the lock.
func isLocked(path string) (bool, error) {
	f, err := os.Open(path) //nolint:gosec // below the data directory
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking at the data directory's lock: %w", err)
	}
	defer f.Close() //nolint:errcheck // closing releases what was tried below
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking at the data directory's lock: %w", err)
	}
	return false, nil
}
