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
	// minFree is what has to be free on the disk for the broker to take anything: far more than one request writes.
	minFree = 16 << 20
	// reserve is what the broker holds itself, and gives free when the disk is full, for what it has to write then: the ends of transactions
	// that are given up, members that come and go.
	reserve     = 4 << 20
	reserveFile = "reserve"
	// unkeptEvery is how often it is said that the broker cannot write.
	unkeptEvery = time.Minute
	// probeEvery is after how long, and probeBytes after how many octets taken, the disk is asked for room by taking it for a moment: a
	// quota does not show in what is free.
	probeEvery = time.Second
	probeBytes = minFree / 2
)

// diskSpace decides whether the broker may write. Where it may not, what would write is refused before anything of it is done, with an error on
// which clients try again: records keep their order and come once. A write that fails half-way could not be repaired by trying again, for
// the broker notes a record's number before it writes the record. The fields without a comment are the broker's goroutine's.
type diskSpace struct {
	dir  string
	min  int64
	said *telemetry.Limited
	log  *slog.Logger

	probed   time.Time
	taken    int64 // octets taken since
	held     bool  // the reserve
	full     atomic.Bool
	fullFrom time.Time
}

// newDiskSpace takes the reserve where there is room for it.
func newDiskSpace(dir string, least int64, log *slog.Logger) *diskSpace {
	r := &diskSpace{dir: dir, min: least, log: log, said: telemetry.NewLimited(log, unkeptEvery, 1)}
	r.hold()
	return r
}

// faults are what the broker answers while there is no room.
func (r *diskSpace) faults() []kfake.Fault {
	produce := []kmsg.Key{kmsg.Produce}
	coordinate := []kmsg.Key{kmsg.InitProducerID, kmsg.EndTxn}
	return []kfake.Fault{
		{Keys: produce, Err: kerr.KafkaStorageError, Count: -1, When: r.refuses},
		{Keys: coordinate, TopLevel: true, Err: kerr.CoordinatorLoadInProgress, Count: -1, When: r.refuses},
		{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.CoordinatorLoadInProgress, Count: -1, When: r.refuses},
	}
}

// refuses reports whether a request has to be refused for want of room. It is called before the request is done, by the broker's goroutine.
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
		if x.TransactionalID == nil { // it ends no transaction
			return false
		}
	}
	free, err := r.free(size)
	if err == nil {
		r.taken += size
		if r.full.CompareAndSwap(true, false) {
			r.hold()
			r.log.Info("there is room on the disk again: the embedded broker goes on", "dir", r.dir, "waited", time.Since(r.fullFrom).Round(time.Second))
		}
		return false
	}
	if r.full.CompareAndSwap(false, true) {
		r.fullFrom = time.Now()
	}
	r.release()
	r.said.Warn("the disk is full: the embedded broker takes nothing until there is room; what it has taken is kept, and what is sent waits", "dir", r.dir, "free_bytes", free, "wants_bytes", r.min, "err", err)
	return true
}

// errNoRoom means that less is free than has to be.
var errNoRoom = errors.New("not enough room")

// free returns what is free; the error says why nothing may be written.
func (r *diskSpace) free(size int64) (int64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(r.dir, &fs); err != nil {
		return 0, fmt.Errorf("asking what is free on the disk: %w", err)
	}
	free := int64(fs.Bavail) * int64(fs.Bsize) //nolint:unconvert // their types differ between systems
	least := r.min + size
	if r.full.Load() {
		least += reserve // so that it does not begin and end with each request
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

// minFiles is how many files have to be free on the disk, where it counts them.
const minFiles = 64

// hold takes the reserve, if there is room.
func (r *diskSpace) hold() {
	if r.held {
		return
	}
	r.held = allocate(filepath.Join(r.dir, reserveFile), reserve) == nil
}

// release gives the reserve back.
func (r *diskSpace) release() {
	if r.held {
		r.held = false
		_ = os.Remove(filepath.Join(r.dir, reserveFile)) // it cannot be used then
	}
}
