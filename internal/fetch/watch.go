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

// watchEvery is the interval at which the fetched octets are counted.
const watchEvery = 500 * time.Millisecond

// watch shows the fetched part of the item's archive until stop is called. npm reports no progress,
// so watch counts the octets that npm has written since the call, in the temporary folder of npm's
// cache and then in dir.
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

// written returns the size of the files written in a folder since a time.
func written(folder string, since time.Time) (n int64) {
	// A file that is unreadable, or has just been removed, counts nothing.
	_ = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
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
