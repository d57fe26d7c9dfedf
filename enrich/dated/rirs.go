package dated

import (
	"slices"
	"strings"
)

// Fetched are the sources in use: those that are configured, else RIRs.
func (c Config) Fetched() []Source {
	if len(c.Sources) > 0 {
		return c.Sources
	}
	return RIRs()
}

// RIRs are the five RIRs' own archives of their delegated-extended statistics; where there is none, as in the first years, those
// without the column of holders do. ARIN moves the files of past years, packed, into a folder for each year; LACNIC and AFRINIC keep some
// in a folder for each year and some beside it.
func RIRs() []Source {
	return []Source{
		{Name: "afrinic",
			URLs: both("https://ftp.afrinic.net/pub/stats/afrinic/{yyyy}/delegated-afrinic-extended-{yyyymmdd}",
				"https://ftp.afrinic.net/pub/stats/afrinic/delegated-afrinic-extended-{yyyymmdd}")},
		{Name: "apnic",
			URLs: both("https://ftp.apnic.net/stats/apnic/{yyyy}/delegated-apnic-extended-{yyyymmdd}.gz",
				"https://ftp.apnic.net/stats/apnic/delegated-apnic-extended-{yyyymmdd}")},
		{Name: "arin",
			URLs: both("https://ftp.arin.net/pub/stats/arin/archive/{yyyy}/delegated-arin-extended-{yyyymmdd}.gz",
				"https://ftp.arin.net/pub/stats/arin/archive/{yyyy}/delegated-arin-extended-{yyyymmdd}",
				"https://ftp.arin.net/pub/stats/arin/delegated-arin-extended-{yyyymmdd}")},
		{Name: "lacnic", URLs: both("https://ftp.lacnic.net/pub/stats/lacnic/delegated-lacnic-extended-{yyyymmdd}",
			"https://ftp.lacnic.net/pub/stats/lacnic/archive/{yyyy}/delegated-lacnic-extended-{yyyymmdd}")},
		{Name: "ripencc",
			URLs: both("https://ftp.ripe.net/pub/stats/ripencc/{yyyy}/delegated-ripencc-extended-{yyyymmdd}.bz2")},
	}
}

// both are the URLs of extended statistics, and behind them those of the others.
func both(extended ...string) []string {
	all := slices.Clone(extended)
	for _, url := range extended {
		all = append(all, strings.Replace(url, "-extended", "", 1))
	}
	return all
}
