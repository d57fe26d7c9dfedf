package dated

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section enrich.snapshots.
type Config struct {
	// A folder of dated snapshots: files, or folders of files, with a day in their names, as
	// 2022-02-24. Replay takes the newest that is not newer than the first record, live sources the
	// newest of all. Empty: snapshots in the folder of fetched data (--cache-dir).
	Directory string `yaml:"directory"`
	// Where `darkmap fetch --geo-date` gets the files of a day, one of each source. Empty: the
	// delegated-extended statistics of the five RIRs, from their own servers.
	Sources []Source `yaml:"sources" max:"64"`
}

// Source is where the files of any day can be had: one file a day.
type Source struct {
	// What the source is called in messages, as ripencc.
	Name string `yaml:"name" min:"1"`
	// URLs of the file of a day: {yyyy}, {mm}, {dd} and {yyyymmdd} are filled in. The first that the
	// server has is taken.
	URLs []string `yaml:"urls" min:"1" max:"8" want:"URLs of http or https with {yyyymmdd}, or {yyyy}, {mm} and {dd}"`
}

// fill replaces the placeholders of a URL by the day.
func fill(url string, day time.Time) string {
	return strings.NewReplacer("{yyyymmdd}", day.Format("20060102"), "{yyyy}", day.Format("2006"), "{mm}",
		day.Format("01"), "{dd}", day.Format("02")).Replace(url)
}

// Faults returns the faults that struct tags cannot express: URLs that are not HTTP or do not
// depend on the day.
func (s Source) Faults() []config.Fault {
	for i, text := range s.URLs {
		a, b := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2001, 1, 2, 0, 0, 0, 0, time.UTC)
		u, err := url.Parse(fill(text, a))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" ||
			fill(text, a) == fill(text, b) {
			return []config.Fault{{Key: fmt.Sprintf("urls[%d]", i), Value: text}}
		}
	}
	return nil
}
