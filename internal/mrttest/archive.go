package mrttest

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Archive returns the files of the world in the archives of RIS and RouteViews, by path. names[i]
// is the name of collector i, such as rrc00 or route-views2. There are updates up to a time, and
// tables at the given times.
func (w *World) Archive(names []string, until time.Duration, tables ...time.Duration) map[string][]byte {
	files := map[string][]byte{}
	for i, c := range w.Collectors() {
		table, updates, length := "%s/2006.01/bview.20060102.1504.gz",
			"%s/2006.01/updates.20060102.1504.gz", 5*time.Minute
		if !strings.HasPrefix(names[i], "rrc") {
			table, updates, length = "%s/bgpdata/2006.01/RIBS/rib.20060102.1504.gz",
				"%s/bgpdata/2006.01/UPDATES/updates.20060102.1504.gz", 15*time.Minute
		}
		path := func(form string, at time.Duration) string {
			return fmt.Sprintf(w.Start.Add(at).UTC().Format(form), names[i])
		}
		for _, at := range tables {
			files[path(table, at)] = gzipped(w.Table(c, at, nil))
		}
		for at := time.Duration(0); at < until; at += length {
			files[path(updates, at)] = gzipped(w.Updates(c, at, at+length))
		}
	}
	return files
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(b)
	must(cmp.Or(err, z.Close()))
	return out.Bytes()
}
