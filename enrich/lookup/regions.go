package lookup

import (
	_ "embed" // for regions.tsv
	"strings"
	"sync"
)

// regionsTSV has a line for each region of ISO 3166-2: its code, a tab, its name in English.
//
//go:embed regions.tsv
var regionsTSV string

// regionNames returns the name of each region, by code.
var regionNames = sync.OnceValue(func() map[string]string {
	all := make(map[string]string, 5500)
	for line := range strings.Lines(regionsTSV) {
		code, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		all[code] = name
	}
	return all
})
