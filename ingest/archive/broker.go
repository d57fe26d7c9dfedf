package archive

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// pageSize is the largest page that the Broker allows.
	pageSize = 1000
	// pageBytes caps one page: an item has some 250 octets.
	pageBytes = 2 << 20
	// searchMargin widens a search: for some collectors the Broker looks back less than one file.
	searchMargin = 30 * time.Minute
)

// searched lists the parameters of a search.
var searched = [...]string{"ts_start", "ts_end", "data_type", "page_size", "project", "collector_id", "page"}

// Broker finds files through the HTTP API of a BGPKIT Broker.
type Broker struct {
	base string
	c    *client
}

// NewBroker returns a Broker that uses the API at base.
func NewBroker(base string, cfg Config) *Broker {
	return &Broker{base: strings.TrimSuffix(base, "/"), c: newClient(cfg)}
}

// brokerPage is a response of /search.
type brokerPage struct {
	Error *string `json:"error"`
	// each is a brokerItem; one that cannot be decoded does not affect the others
	Data []json.RawMessage `json:"data"`
}

// brokerItem is a file. Its times are UTC, without a zone.
type brokerItem struct {
	Start     string  `json:"ts_start"`
	End       string  `json:"ts_end"`
	Collector string  `json:"collector_id"`
	Type      string  `json:"data_type"`
	URL       string  `json:"url"`
	RoughSize float64 `json:"rough_size"`
	ExactSize int64   `json:"exact_size"`
}

// Find implements Finder.
func (b *Broker) Find(ctx context.Context, collector string, kind Kind, from, to time.Time) ([]File, error) {
	q := url.Values{
		"ts_start":  {strconv.FormatInt(from.Add(-searchMargin).Unix(), 10)},
		"ts_end":    {strconv.FormatInt(to.Unix()+1, 10)},
		"data_type": {string(kind)}, "page_size": {strconv.Itoa(pageSize)},
	}
	if collector != Every {
		project, id, err := brokerID(collector)
		if err != nil {
			return nil, err
		}
		q["project"], q["collector_id"] = []string{project}, []string{id}
	}
	var all []File
	for page := 1; ; page++ {
		q.Set("page", strconv.Itoa(page))
		files, n, err := b.page(ctx, b.base+"/search?"+q.Encode())
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if f.wanted(collector, kind, from, to) {
				all = append(all, f)
			}
		}
		if n < pageSize {
			return inOrder(all), nil
		}
		if page*pageSize >= MaxFiles {
			return nil, fmt.Errorf("searching %s for %s: %w: more than %d", Shown(b.base),
				cmp.Or(collector, "all collectors"), ErrTooMany, MaxFiles)
		}
	}
}

func (b *Broker) page(ctx context.Context, url string) ([]File, int, error) {
	body, err := b.c.read(ctx, url, pageBytes)
	if err != nil {
		return nil, 0, err
	}
	files, n, err := parsePage(body)
	if err != nil {
		return nil, 0, fmt.Errorf("reading %s: %w", Shown(url), err)
	}
	return files, n, nil
}

// parsePage parses a response. n is the number of its items. It leaves out items that make no
// sense, or have an unknown collector or kind.
func parsePage(body []byte) (files []File, n int, err error) {
	var p brokerPage
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, 0, fmt.Errorf("the answer is not the Broker's: %w", err)
	}
	if p.Error != nil && *p.Error != "" {
		return nil, 0, fmt.Errorf("the Broker reports an error: %.200q", *p.Error)
	}
	for _, raw := range p.Data {
		var it brokerItem
		if json.Unmarshal(raw, &it) != nil {
			continue
		}
		if f, ok := it.file(); ok {
			files = append(files, f)
		}
	}
	return files, len(p.Data), nil
}

func (it *brokerItem) file() (File, bool) {
	project := bgp.ProjectRouteViews
	if isRIS(it.Collector) {
		project = bgp.ProjectRIS
	}
	name, err := bgp.CollectorName(project, it.Collector)
	begin, err2 := brokerTime(it.Start)
	end, err3 := brokerTime(it.End)
	f := File{Collector: name, Begin: begin, End: end, URL: it.URL, Size: max(it.ExactSize, 0)}
	if it.RoughSize > 0 && it.RoughSize < 1<<53 {
		f.Rough = int64(it.RoughSize)
	}
	switch it.Type {
	case "rib":
		f.Kind, f.End = RIB, begin
	case "updates", "update":
		f.Kind = Updates
	}
	ok := err == nil && err2 == nil && err3 == nil && f.Kind != "" && isRemote(f.URL) && !end.Before(begin)
	return f, ok
}

// isRIS reports whether the Broker's name of a collector is one of RIS.
func isRIS(id string) bool {
	_, err := bgp.CollectorName(bgp.ProjectRIS, id)
	return err == nil
}

func brokerTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	return time.ParseInLocation("2006-01-02T15:04:05", s, time.UTC) // accepts fractions, too
}
