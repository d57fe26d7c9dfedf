package fetch

import (
	"context"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/progress"
)

// watchEvery is how often it is looked how much has come.
const watchEvery = 500 * time.Millisecond

// watch says how much of the item's archive has come until stop. npm says nothing: what it has written since now is counted, in the
// temporary folder of its cache and then in dir.
func watch(ctx context.Context, line *progress.Line, dir string, item Item) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	began, ended := time.Now(), make(chan struct{})
	line.Begin(began)
	go func() { // ends with stop
		defer close(ended)
		folders := []string{dir}
		if cache, err := exec.CommandContext(ctx, "npm", "config", "get", "cache").Output(); err == nil {
			folders = append(folders, filepath.Join(strings.TrimSpace(string(cache)), "_cacache", "tmp"))
		}
		t := time.NewTicker(watchEvery)
		defer t.Stop()
		most, first := int64(0), began // first: when the first octets were seen
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-t.C:
				for _, folder := range folders {
					most = max(most, written(folder, began))
				}
				if most == 0 {
					first = now
				}
				line.Report(now, "fetching "+item.Name+": "+progress.Transfer(most, item.Bytes, now.Sub(first)))
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		line.Clear()
	}
}

// written is the size of what was written in a folder since a time.
func written(folder string, since time.Time) (n int64) {
	_ = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error { // what cannot be read, or has just gone, counts nothing
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // said above
		}
		if info, err := d.Info(); err == nil && !info.ModTime().Before(since) {
			n += info.Size()
		}
		return nil
	})
	return n
}
