package rislivetest

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
)

// WriteCaptures writes the schedule, played from start on, into dir: one file of updates for each
// host, before it the table of the host's peers if tables is set and the schedule has one. It
// returns the paths by host.
func (s *Schedule) WriteCaptures(dir string, start time.Time, tables bool) (map[string][]string, error) {
	a := archives{s: s, dir: dir, start: start.UTC(), factor: 1}
	paths, records := map[string][]string{}, map[string][]byte{}
	add := func(host, kind string, to time.Time, content []byte) error {
		path, err := a.write(host, kind, a.start, to, content)
		paths[host] = append(paths[host], path)
		return err
	}
	for i := range s.Events {
		e := &s.Events[i]
		records[e.Host] = e.appendMRT(records[e.Host], a.played(e.At))
	}
	for _, host := range s.Hosts() {
		if held := s.tables[host]; tables && len(held) > 0 {
			b, err := held.dump(a.start)
			if err != nil {
				return nil, err
			}
			if err := add(host, "rib", a.start, b); err != nil {
				return nil, err
			}
		}
		if err := add(host, "updates", a.played(s.Length), records[host]); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// WithTable returns the schedule with the routes of a table dump, whatever its time, as those that
// the peers of a host hold at the start.
func (s *Schedule) WithTable(host, path string) (*Schedule, error) {
	r := reader{s: &Schedule{}, hosts: []string{host}, byPeer: map[bgp.Peer]string{}, table: table{}}
	if err := r.file(path); err != nil {
		return nil, err
	}
	if len(r.table) == 0 {
		return nil, fmt.Errorf("%s has no table", path)
	}
	return s.Beside(&Schedule{tables: map[string]table{host: r.table}}), nil
}

// IsTable reports whether a capture begins with a table dump.
func IsTable(path string) (bool, error) {
	c, err := capture.Open(path, nil)
	if err != nil {
		return false, err
	}
	defer c.Close() //nolint:errcheck // only read
	for {
		it, err := c.Next()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err == nil {
			return it.Kind == capture.RIB, nil
		}
	}
}
