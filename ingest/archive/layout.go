package archive

import (
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// earliest is before the first archive of routes (1997): what is named for an earlier time is none.
var earliest = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)

// ParsePath reads what the archives' layouts say of a file: collector, kind and time. The folder nearest to the file that names a
// collector counts; a prefix of the project's name may stand before it.
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
		return File{}, false // a file that is being written, most likely
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
	if f.Collector == "" && slices.Contains(parts, "bgpdata") { // RouteViews' first collector has no folder of its own
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

// collectorOf returns the collector that a folder is named for, empty where it is none.
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

// CollectorIn returns the collector of the folder nearest to the file that can be nothing but a collector's, wherever the archive's
// copy lies: rrc00, route-views.amsix, or amsix.ams above bgpdata. It is empty where there is none. ParsePath also takes other
// folders for collectors, since RouteViews adds some every year, and so wants a path that begins at the archive's root.
func CollectorIn(path string) string {
	parts := strings.Split(path, "/")
	for i := len(parts) - 2; i >= 0; i-- {
		if name, err := bgp.CollectorName(bgp.ProjectRIS, parts[i]); err == nil {
			return name
		}
		site := parts[i+1] == "bgpdata" && strings.Contains(parts[i], ".") && !strings.HasSuffix(parts[i], ".org") // amsix.ams
		if site || strings.HasPrefix(strings.ToLower(parts[i]), "route-views") {
			if name := collectorOf(parts[i], ""); name != "" {
				return name
			}
		}
	}
	return ""
}
