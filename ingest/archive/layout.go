package archive

import (
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// earliest is before the first archive of routes (1997). A name with an earlier time is no archive
// file.
var earliest = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)

// ParsePath parses the path of a file in an archive's layout: collector, kind and time. The folder
// nearest to the file that names a collector counts. The project's name may precede the
// collector's.
func ParsePath(rel string) (File, bool) {
	parts := strings.Split(rel, "/")
	name := parts[len(parts)-1]
	var f File
	stem, date, ok := strings.Cut(name, ".")
	switch stem {
	case "bview", "rib":
		f.Kind = RIB
	case "updates":
		f.Kind = Updates
	default:
		return File{}, false
	}
	const layout = "20060102.1504"
	if !ok || len(date) < len(layout) || len(date) > len(layout) && date[len(layout)] != '.' {
		return File{}, false
	}
	switch strings.TrimPrefix(date[len(layout):], ".") {
	case "", "gz", "bz2", "zst", "mrt":
	default:
		return File{}, false // most likely a file that is being written
	}
	begin, err := time.ParseInLocation(layout, date[:len(layout)], time.UTC)
	if err != nil || begin.Before(earliest) {
		return File{}, false
	}
	for i := len(parts) - 2; i >= 0; i-- {
		if f.Collector = collectorOf(parts[i], stem); f.Collector != "" {
			break
		}
	}
	// RouteViews' first collector has no folder of its own
	if f.Collector == "" && slices.Contains(parts, "bgpdata") {
		f.Collector, _ = bgp.CollectorName(bgp.ProjectRouteViews, "bgpdata")
	}
	if f.Collector == "" {
		return File{}, false
	}
	f.Begin, f.End = begin, begin
	if f.Kind == Updates {
		f.End = begin.Add(span(f.Collector))
	}
	return f, true
}

// collectorOf returns the collector that a folder is named after. It is empty if there is none.
func collectorOf(folder, stem string) string {
	if name, err := bgp.CollectorName(bgp.ProjectRIS, folder); err == nil {
		return name
	}
	switch strings.ToUpper(folder) {
	case "RIBS", "UPDATES", "RIS", "ROUTEVIEWS", "ARCHIVE.ROUTEVIEWS.ORG":
		return ""
	}
	if _, err := time.Parse("2006.01", folder); err == nil || folder == "bgpdata" || stem == "bview" {
		return ""
	}
	name, err := bgp.CollectorName(bgp.ProjectRouteViews, folder)
	if err != nil {
		return ""
	}
	return name
}

// CollectorIn returns the collector of the nearest folder above the file that can only be a
// collector's, wherever the copy of the archive is: rrc00, route-views.amsix, or amsix.ams above
// bgpdata. It is empty if there is none. ParsePath also accepts other folders as collectors,
// because RouteViews adds some every year. It therefore needs a path that begins at the archive's
// root.
func CollectorIn(path string) string {
	parts := strings.Split(path, "/")
	for i := len(parts) - 2; i >= 0; i-- {
		if name, err := bgp.CollectorName(bgp.ProjectRIS, parts[i]); err == nil {
			return name
		}
		// such as amsix.ams
		site := parts[i+1] == "bgpdata" && strings.Contains(parts[i], ".") && !strings.HasSuffix(parts[i], ".org")
		if site || strings.HasPrefix(strings.ToLower(parts[i]), "route-views") {
			if name := collectorOf(parts[i], ""); name != "" {
				return name
			}
		}
	}
	return ""
}
