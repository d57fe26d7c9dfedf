package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkmap/darkmap/internal/telemetry"
)

const (
	// minFree is the free space on the disk that the broker needs to accept data. It is far more
	// than one request writes.
	minFree = 16 << 20
	// reserve is the space that the broker occupies itself. It frees that space when the disk is
	// full, for data that it must write then: the ends of aborted transactions, and members that
	// join and leave.
	reserve     = 4 << 20
	reserveFile = "reserve"
	// unkeptEvery is the interval at which the log repeats that the broker cannot write.
	unkeptEvery = time.Minute
	// probeEvery and probeBytes limit the time and the accepted octets between two probes of the
	// disk. A probe occupies the space for a moment, because the free space does not show a quota.
	probeEvery = time.Second
	probeBytes = minFree / 2
)

// diskSpace decides whether the broker may write. If not, the broker rejects requests that would
// write before it does any part of them. It rejects them with an error after which clients try
// again, so records keep their order and are stored once. A retry could not repair a write that
// fails half-way, because the broker stores the sequence number of a record before it writes the
// record. Fields without a comment belong to the broker's goroutine.
type diskSpace struct {
	dir  string
	min  int64
	said *telemetry.Limited
	log  *slog.Logger

	probed   time.Time
	taken    int64 // octets accepted since the last probe
	held     bool  // the reserve is occupied
	full     atomic.Bool
	fullFrom time.Time
}

// newDiskSpace returns a diskSpace and occupies the reserve if there is room.
func newDiskSpace(dir string, least int64, log *slog.Logger) *diskSpace {
	r := &diskSpace{dir: dir, min: least, log: log, said: telemetry.NewLimited(log, unkeptEvery, 1)}
	r.hold()
	return r
}

// faults returns the broker's answers while there is no room.
func (r *diskSpace) faults() []kfake.Fault {
	produce := []kmsg.Key{kmsg.Produce}
	coordinate := []kmsg.Key{kmsg.InitProducerID, kmsg.EndTxn}
	return []kfake.Fault{
		{Keys: produce, Err: kerr.KafkaStorageError, Count: -1, When: r.refuses},
		{Keys: coordinate, TopLevel: true, Err: kerr.CoordinatorLoadInProgress, Count: -1, When: r.refuses},
		{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.CoordinatorLoadInProgress, Count: -1, When: r.refuses},
	}
}

// refuses reports whether a request must be rejected because there is no room. The broker's
// goroutine calls it before it handles the request.
func (r *diskSpace) refuses(req kmsg.Request) bool {
	size := int64(0)
	switch x := req.(type) {
	case *kmsg.ProduceRequest:
		for i := range x.Topics {
			for j := range x.Topics[i].Partitions {
				size += int64(len(x.Topics[i].Partitions[j].Records))
			}
		}
	case *kmsg.InitProducerIDRequest:
		if x.TransactionalID == nil { // the request ends no transaction
			return false
		}
	}
	free, err := r.free(size)
	if err == nil {
		r.taken += size
		if r.full.CompareAndSwap(true, false) {
			r.hold()
			r.log.Info("there is room on the disk again: the embedded broker goes on",
				"dir", r.dir, "waited", time.Since(r.fullFrom).Round(time.Second))
		}
		return false
	}
	if r.full.CompareAndSwap(false, true) {
		r.fullFrom = time.Now()
	}
	r.release()
	r.said.Warn(
		"the disk is full: the embedded broker accepts no records until there is room; "+
			"accepted records are kept, and producers wait",
		"dir", r.dir, "free_bytes", free, "wants_bytes", r.min, "err", err)
	return true
}

// errNoRoom means that the free space is below the minimum.
var errNoRoom = errors.New("not enough room")

// free returns the free space. The error is the reason why the broker may not write.
func (r *diskSpace) free(size int64) (int64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(r.dir, &fs); err != nil {
		return 0, fmt.Errorf("reading the free space of the disk: %w", err)
	}
	free := int64(fs.Bavail) * int64(fs.Bsize) //nolint:unconvert // their types differ between systems
	least := r.min + size
	if r.full.Load() {
		least += reserve // so that the state does not change with each request
	}
	if free < least || fs.Files > 0 && fs.Ffree < minFiles {
		return free, errNoRoom
	}
	if now := time.Now(); now.Sub(r.probed) >= probeEvery || r.taken+size > probeBytes || r.full.Load() {
		if err := allocate(filepath.Join(r.dir, "probe"), max(r.min, size)); err != nil {
			return free, err
		}
		r.probed, r.taken = now, 0
		return free, os.Remove(filepath.Join(r.dir, "probe"))
	}
	return free, nil
}

// minFiles is the number of free files that the disk must have, if its file system counts them.
const minFiles = 64

// hold occupies the reserve if there is room.
func (r *diskSpace) hold() {
	if r.held {
		return
	}
	r.held = allocate(filepath.Join(r.dir, reserveFile), reserve) == nil
}

// release frees the reserve.
func (r *diskSpace) release() {
	if r.held {
		r.held = false
		_ = os.Remove(filepath.Join(r.dir, reserveFile)) // on failure the reserve cannot be used
	}
}
