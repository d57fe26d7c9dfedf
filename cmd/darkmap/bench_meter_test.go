package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/procfs"
)

// metered is a process whose use of the machine is measured.
type metered struct {
	group string           // the row of the table
	pids  func() []int     // the processes that count together; gone ones are ignored
	admin string           // the address of its metrics, empty without
	seen  []usage          // one for each look since the mark
	last  reading          // the newest
	mark  reading          // at the begin of the measurement
	ended func() *ownUsage // nil, or nil returned: it has not ended
}

// reading is what a process has used and counted since its start.
type reading struct {
	cpu     float64 // seconds
	metrics map[string]float64
}

// ownUsage is what an ended process used.
type ownUsage struct {
	cpu  float64
	peak int64 // octets
}

// look reads all counters now.
func (m *metered) look(ctx context.Context) {
	var u usage
	cpu, found := 0.0, false
	for _, pid := range m.pids() {
		p, err := procfs.NewProc(pid)
		if err != nil {
			continue
		}
		stat, err := p.Stat()
		if err != nil {
			continue
		}
		found = true
		cpu += stat.CPUTime()
		u.bytes += int64(stat.ResidentMemory())
		if n, err := p.FileDescriptorsLen(); err == nil {
			u.files += int64(n)
		}
	}
	if m.ended != nil {
		if own := m.ended(); own != nil {
			m.last.cpu = own.cpu
			m.seen = append(m.seen, usage{bytes: own.peak})
			return
		}
	}
	if !found {
		return
	}
	m.last.cpu = max(cpu, m.last.cpu) // a child that has ended no longer counts
	if m.admin != "" {
		if text := httpGet(ctx, "http://"+m.admin+"/metrics"); len(text) > 0 {
			m.last.metrics = metricSums(string(text))
			u.goroutines = int64(m.last.metrics["go_goroutines"])
		}
	}
	m.seen = append(m.seen, u)
}

// begin begins the measurement at the last look.
func (m *metered) begin() { m.mark, m.seen = m.last, nil }

// used returns the CPU seconds since the begin.
func (m *metered) used() float64 { return m.last.cpu - m.mark.cpu }

// counted returns by how much a metric has grown since the begin.
func (m *metered) counted(metric string) int64 {
	return int64(m.last.metrics[metric] - m.mark.metrics[metric])
}

// httpGet returns nothing if the server does not answer.
func httpGet(ctx context.Context, url string) []byte {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil
	}
	return b
}

// profileSeconds is the length of a CPU profile.
const profileSeconds = "15"

// profile writes a CPU profile of each stage into dir. The caller waits for it.
func profile(t *testing.T, dir string, all []*metered) *sync.WaitGroup {
	t.Helper()
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	wg, count := &sync.WaitGroup{}, map[string]int{}
	for _, m := range all {
		if m.admin == "" {
			continue
		}
		count[m.group]++
		path := filepath.Join(dir, m.group+string(rune('a'+count[m.group]-1))+".pprof")
		wg.Go(func() { // ends with the profile, or with the process
			b := httpGet(t.Context(), "http://"+m.admin+"/debug/pprof/profile?seconds="+profileSeconds)
			if len(b) == 0 {
				t.Logf("%s: no profile: it ended too early", path)
				return
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Error(err)
			}
		})
	}
	return wg
}

// children returns the process pid and its children.
func children(pid int) []int {
	out := []int{pid}
	all, err := procfs.AllProcs()
	if err != nil {
		return out
	}
	for _, p := range all {
		if s, err := p.Stat(); err == nil && s.PPID == pid {
			out = append(out, p.PID)
		}
	}
	return out
}

// growth compares the second quarter of a measurement with its last: the highest values of each.
func growth(seen []usage) (second, last usage) {
	n := len(seen)
	return most(seen[n/4 : n/2]), most(seen[3*n/4:])
}

// waitReady waits until a stage does its work.
func waitReady(ctx context.Context, admin string, running func() bool) bool {
	for running() && ctx.Err() == nil {
		if httpGet(ctx, "http://"+admin+"/readyz") != nil {
			return true
		}
		<-time.After(100 * time.Millisecond)
	}
	return false
}
