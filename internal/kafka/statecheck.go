package kafka

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/darkmap/darkmap/internal/atomicfile"
)

// Files of the broker's folder.
const (
	metaFile     = "meta.json"
	topicsFile   = "topics.json"
	topicsCopy   = "topics.copy"
	sessionsFile = "session_state.json"
	groupsFile   = "groups.log"
	producerFile = "pids.log"
)

// given lists files with settings that an earlier start gave to the broker. The broker would prefer
// them to the new settings; above all this concerns users with their passwords.
var given = []string{"sasl.json", "acls.json", "broker_configs.json", "quotas.json"}

// checkFolder makes sure that the broker can read its folder. It reads all of the log and the
// state, keeps the readable parts, and logs the unreadable ones. No other process may use the
// folder. It leaves undamaged files unchanged.
func checkFolder(ctx context.Context, dir string, log *slog.Logger) error {
	for _, name := range given {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing the settings of an earlier start: %w", err)
		}
	}
	partitions, err := os.ReadDir(filepath.Join(dir, "partitions"))
	if errors.Is(err, os.ErrNotExist) {
		return nil // the folder is new
	}
	if err != nil {
		return fmt.Errorf("reading the broker's folder: %w", err)
	}
	commits, err := checkGroups(dir, log)
	if err != nil {
		return err
	}
	if _, err := checkEntries(filepath.Join(dir, producerFile), log, "producers get new ids"); err != nil {
		return err
	}
	topics, err := checkTopics(dir, partitions, log)
	if err != nil {
		return err
	}
	damaged, err := checkPartitions(ctx, dir, partitions, topics, commits, log)
	if err != nil {
		return err
	}
	return checkRest(dir, damaged, log)
}

// checkPartitions checks all partitions, at most one per processor at a time. It reports whether
// one was damaged.
func checkPartitions(
	ctx context.Context, dir string, folders []os.DirEntry, topics *topicList,
	commits map[commitKey]commit, log *slog.Logger,
) (bool, error) {
	var mu sync.Mutex
	damaged := false
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	check := func(topic string, n int32, removed bool) {
		c := &partitionCheck{
			dir: filepath.Join(dir, "partitions", fmt.Sprintf("%s-%d", topic, n)), topic: topic, partition: n,
			compacted: topics.compacted(topic), retention: topics.retention(topic), removed: removed,
		}
		c.reached(commits[commitKey{topic, n}])
		g.Go(func() error { // ends with the partition
			if err := errors.Join(os.MkdirAll(c.dir, 0o700), removeTemporary(c.dir), c.run(ctx)); err != nil {
				return err
			}
			mu.Lock()
			damaged = damaged || c.damaged() || c.stale()
			mu.Unlock()
			return errors.Join(c.mend(log), c.removeOrphans())
		})
	}
	seen := map[commitKey]bool{}
	for _, f := range folders {
		if topic, n, ok := partitionOf(f.Name()); ok && f.IsDir() {
			seen[commitKey{topic, n}] = true
			check(topic, n, false)
		}
	}
	for k, read := range commits { // partitions without a folder whose records were read
		if read.offset > 0 && !seen[k] && int(k.partition) < topics.partitions(k.topic) &&
			!topics.compacted(k.topic) {
			check(k.topic, k.partition, true)
		}
	}
	err := g.Wait()
	return damaged, err
}

// removeTemporary removes files that were unfinished when the process ended.
func removeTemporary(dir string) error {
	entries, err := os.ReadDir(dir) // no glob pattern: the folder's name may have brackets
	if err != nil {
		return fmt.Errorf("removing unfinished files: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".tmp") {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// topicList is the content of topics.json.
type topicList struct {
	Version int          `json:"version"`
	Topics  []topicEntry `json:"topics"`
}

type topicEntry struct {
	Name       string            `json:"name"`
	ID         string            `json:"id"`
	Partitions int               `json:"partitions"`
	Replicas   int               `json:"replicas"`
	Configs    map[string]string `json:"configs,omitempty"`
}

// topic returns the entry of a topic, or nil if the list has none.
func (l *topicList) topic(name string) *topicEntry {
	i := slices.IndexFunc(l.Topics, func(t topicEntry) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &l.Topics[i]
}

func (l *topicList) compacted(topic string) bool {
	t := l.topic(topic)
	return t != nil && strings.Contains(t.Configs["cleanup.policy"], "compact")
}

// retention returns how long a topic keeps its records; 0 is forever.
func (l *topicList) retention(topic string) time.Duration {
	t := l.topic(topic)
	if t == nil {
		return 0
	}
	ms, err := strconv.ParseInt(t.Configs["retention.ms"], 10, 64)
	if err != nil || ms < 0 || ms > math.MaxInt64/int64(time.Millisecond) {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// partitions returns the number of partitions of a topic. It is 0 if the topic is not in the list.
func (l *topicList) partitions(topic string) int {
	t := l.topic(topic)
	if t == nil {
		return 0
	}
	return t.Partitions
}

// complete reports whether the list contains every partition that has a folder.
func (l *topicList) complete(folders []os.DirEntry) bool {
	most := map[string]int{}
	for _, t := range l.Topics {
		most[t.Name] = t.Partitions
	}
	return !slices.ContainsFunc(folders, func(f os.DirEntry) bool {
		topic, n, ok := partitionOf(f.Name())
		return ok && int(n) >= most[topic]
	})
}

// readTopics reads a list. It returns nil if the list is unreadable or incomplete.
func readTopics(path string, folders []os.DirEntry) *topicList {
	b, err := os.ReadFile(path) //nolint:gosec // below the data directory
	l := &topicList{}
	if err != nil || json.Unmarshal(b, l) != nil || !l.complete(folders) {
		return nil
	}
	return l
}

// checkTopics makes sure that the list of topics contains every partition. Without that the broker
// would overwrite existing logs.
func checkTopics(dir string, folders []os.DirEntry, log *slog.Logger) (*topicList, error) {
	path := filepath.Join(dir, topicsFile)
	if l := readTopics(path, folders); l != nil {
		return l, copyTopics(dir)
	}
	l, from := readTopics(filepath.Join(dir, topicsCopy), folders), topicsCopy
	if l == nil {
		l, from = topicsOf(folders), "the partitions' folders"
	}
	log.Warn("the embedded Kafka's list of topics is damaged or missing: it is written again",
		"file", path, "from", from)
	b, err := json.Marshal(l)
	if err == nil {
		err = atomicfile.Write(path, b)
	}
	if err != nil {
		return nil, fmt.Errorf("mending the list of topics: %w", err)
	}
	return l, nil
}

// copyTopics makes a copy of the list of topics.
func copyTopics(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, topicsFile)) //nolint:gosec // below the data directory
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		var was []byte
		if was, err = os.ReadFile( //nolint:gosec // below the data directory
			filepath.Join(dir, topicsCopy)); err == nil && string(was) == string(b) {
			return nil
		}
		err = atomicfile.Write(filepath.Join(dir, topicsCopy), b)
	}
	if err != nil {
		return fmt.Errorf("copying the list of topics: %w", err)
	}
	return nil
}

// topicsOf makes a list from the names of the folders. A partition without a record has no folder,
// so the list may have too few partitions for a topic.
func topicsOf(folders []os.DirEntry) *topicList {
	l := &topicList{Version: 1}
	for _, f := range folders {
		topic, n, ok := partitionOf(f.Name())
		if !ok {
			continue
		}
		t := l.topic(topic)
		if t == nil {
			var id [16]byte
			_, _ = rand.Read(id[:]) // never fails
			l.Topics = append(l.Topics, topicEntry{
				Name: topic, ID: base64.StdEncoding.EncodeToString(id[:]), Replicas: 1,
			})
			t = &l.Topics[len(l.Topics)-1]
		}
		t.Partitions = max(t.Partitions, int(n)+1)
	}
	return l
}

type commitKey struct {
	topic     string
	partition int32
}

// commit holds the offset to which a partition was read.
type commit struct {
	offset int64
	at     int64 // time of the commit, milliseconds since 1970; 0 is unknown
}

// checkGroups checks the log of groups, and returns the highest offset to which any group has read
// each partition.
func checkGroups(dir string, log *slog.Logger) (map[commitKey]commit, error) {
	path := filepath.Join(dir, groupsFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		log.Warn(
			"the embedded Kafka's offsets are missing: every stage reads its topics from the beginning; "+
				"stored records are not stored twice",
			"file", path)
	}
	entries, err := checkEntries(path, log, "a stage may read again what it has read")
	if err != nil {
		return nil, err
	}
	commits := map[commitKey]commit{}
	for _, e := range entries {
		var c struct {
			Type      string `json:"type"`
			Topic     string `json:"t"`
			Partition int32  `json:"p"`
			Offset    int64  `json:"o"`
			At        int64  `json:"lc"`
		}
		if json.Unmarshal(e, &c) == nil && c.Type == "commit" {
			k := commitKey{c.Topic, c.Partition}
			if was, ok := commits[k]; !ok || c.Offset > was.offset ||
				c.Offset == was.offset && c.At > 0 && (was.at == 0 || c.At < was.at) {
				commits[k] = commit{c.Offset, c.At}
			}
		}
	}
	return commits, nil
}

// Layout of an entry of the broker's state: length, checksum, version, JSON; little-endian.
const (
	entryLength = 4
	entrySum    = 8
	entryHead   = 10
)

// entryAt returns the size and the JSON of the entry at the beginning of data. The size is 0 if
// there is no valid entry.
func entryAt(data []byte) (int, []byte) {
	if len(data) < entryHead {
		return 0, nil
	}
	n := int64(binary.LittleEndian.Uint32(data)) + entrySum
	if n <= entryHead || n > int64(len(data)) || data[entryHead] != '{' ||
		binary.LittleEndian.Uint32(data[entryLength:]) != crc32.Checksum(data[entrySum:n], castagnoli) {
		return 0, nil
	}
	return int(n), data[entryHead:n]
}

// checkEntries reads a file of entries, removes damaged ones, and logs them. what describes the
// consequence.
func checkEntries(path string, log *slog.Logger, what string) ([][]byte, error) {
	data, err := os.ReadFile(path) //nolint:gosec // below the data directory
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading the broker's state: %w", err)
	}
	var entries [][]byte
	var good []byte
	for at := 0; at < len(data); {
		n, entry := entryAt(data[at:])
		if n > 0 {
			entries, good = append(entries, entry), append(good, data[at:at+n]...)
			at += n
			continue
		}
		end := at + 1
		for end < len(data) {
			if n, _ := entryAt(data[end:]); n > 0 {
				break
			}
			end++
		}
		log.Warn("the embedded Kafka's state is damaged: "+what, //nolint:sloglint // one of two constants
			"file", path, "octets", fmt.Sprintf("%d-%d", at, end-1))
		at = end
	}
	if len(good) == len(data) {
		return entries, nil
	}
	if err := atomicfile.Write(path, good); err != nil {
		return nil, fmt.Errorf("mending the broker's state: %w", err)
	}
	return entries, nil
}

// checkRest checks the small files. The members and transactions of the broker's last run count
// only if nothing was damaged.
func checkRest(dir string, damaged bool, log *slog.Logger) error {
	var faults []error
	for _, name := range []string{metaFile, sessionsFile, "seq_windows.json"} {
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(path) //nolint:gosec // below the data directory
		missing := errors.Is(err, os.ErrNotExist)
		if err != nil && !missing {
			faults = append(faults, err)
			continue
		}
		var v map[string]any
		bad := !missing && json.Unmarshal(b, &v) != nil
		if name == metaFile {
			if id, _ := v["cluster_id"].(string); missing || bad || v["version"] != 1.0 || id == "" {
				log.Warn("the embedded Kafka's file is damaged or missing: it is written again", "file", path)
				faults = append(faults, atomicfile.Write(path, []byte(`{"version":1,"cluster_id":"`+clusterID+`"}`)))
			}
			continue
		}
		if bad {
			log.Warn("the embedded Kafka's file is damaged: it is left out, and nothing is lost", "file", path)
		}
		if !missing && (bad || damaged) {
			faults = append(faults, os.Remove(path))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("mending the broker's state: %w", err)
	}
	return nil
}
