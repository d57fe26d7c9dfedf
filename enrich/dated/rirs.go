package dated

import (
	"slices"
	"strings"
)

// Fetched returns the sources in use: the configured sources, else RIRs.
func (c Config) Fetched() []Source {
	if len(c.Sources) > 0 {
		return c.Sources
	}
	return RIRs()
}

// RIRs returns the archives of delegated-extended statistics of the five RIRs. The first years have
// none; for them the URLs also name the statistics without the column of holders. ARIN moves the
// files of past years, compressed, into one folder a year. LACNIC and AFRINIC keep some files in a
// folder of the year and some outside.
func RIRs() []Source {
	return []Source{
		{
			Name: "afrinic",
			URLs: both("https://ftp.afrinic.net/pub/stats/afrinic/{yyyy}/delegated-afrinic-extended-{yyyymmdd}",
				"https://ftp.afrinic.net/pub/stats/afrinic/delegated-afrinic-extended-{yyyymmdd}"),
		},
		{
			Name: "apnic",
			URLs: both("https://ftp.apnic.net/stats/apnic/{yyyy}/delegated-apnic-extended-{yyyymmdd}.gz",
				"https://ftp.apnic.net/stats/apnic/delegated-apnic-extended-{yyyymmdd}"),
		},
		{
			Name: "arin",
			URLs: both("https://ftp.arin.net/pub/stats/arin/archive/{yyyy}/delegated-arin-extended-{yyyymmdd}.gz",
				"https://ftp.arin.net/pub/stats/arin/archive/{yyyy}/delegated-arin-extended-{yyyymmdd}",
				"https://ftp.arin.net/pub/stats/arin/delegated-arin-extended-{yyyymmdd}"),
		},
		{Name: "lacnic", URLs: both("https://ftp.lacnic.net/pub/stats/lacnic/delegated-lacnic-extended-{yyyymmdd}",
			"https://ftp.lacnic.net/pub/stats/lacnic/archive/{yyyy}/delegated-lacnic-extended-{yyyymmdd}")},
		{
			Name: "ripencc",
			URLs: both("https://ftp.ripe.net/pub/stats/ripencc/{yyyy}/delegated-ripencc-extended-{yyyymmdd}.bz2"),
		},
	}
}

// both returns the URLs of the extended statistics, followed by those of the plain statistics.
func both(extended ...string) []string {
	all := slices.Clone(extended)
	for _, url := range extended {
		all = append(all, strings.Replace(url, "-extended", "", 1))
	}
	return all
}
