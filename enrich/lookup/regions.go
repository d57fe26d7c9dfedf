package lookup

import (
	_ "embed" // for regions.tsv
	"strings"
	"sync"
)

// regionsTSV has one line for each region of ISO 3166-2: the code, a tab, and the English name.
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
