package worldmap

import "fmt"

// Level is a class of loss. The zero value is no measurement.
type Level int8

// The steps are those of an outage's severity (docs/detection.md), and below them the share at
// which an outage of a country opens.
const (
	Unmeasured Level = iota
	Whole
	Slight
	Minor
	Moderate
	Major
	Total
)

// steps holds the least loss of each level, and its words in a legend.
var steps = [...]struct {
	least float64
	words string
}{
	Unmeasured: {-1, "no measurement"},
	Whole:      {0, "less than 1 % lost"},
	Slight:     {0.01, "1 to 10 % lost"},
	Minor:      {0.10, "10 to 25 % lost"},
	Moderate:   {0.25, "25 to 50 % lost"},
	Major:      {0.50, "50 to 90 % lost"},
	Total:      {0.90, "90 % or more lost"},
}

// Levels returns all levels, in the order of a legend.
func Levels() []Level { return []Level{Whole, Slight, Minor, Moderate, Major, Total, Unmeasured} }

// LevelOf classifies the lost share of a country's usual space, 0 to 1. NaN is no measurement.
func LevelOf(loss float64) Level {
	level := Unmeasured
	for l := Whole; l <= Total; l++ {
		if loss >= steps[l].least {
			level = l
		}
	}
	if level == Unmeasured && loss < 0 { // more than usual
		return Whole
	}
	return level
}

// String returns the words of the level in a legend.
func (l Level) String() string { return steps[l].words }

// Class returns the class in the style sheet: unmeasured, or loss0 to loss5.
func (l Level) Class() string {
	if l == Unmeasured {
		return "unmeasured"
	}
	return fmt.Sprintf("loss%d", l-Whole)
}
