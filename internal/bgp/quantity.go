package bgp

import (
	"fmt"
	"strings"
	"time"
)

// DurationText writes a duration for people, in the same form in tables, sentences and messages: 45
// s, 31 min, 9 h 31 min, 2 d 4 h. It rounds once, half up, to the smallest unit in the text: to
// seconds below a minute, to minutes below 48 hours, to hours above. It omits a second unit of 0 (2
// h). A negative duration is 0 s.
func DurationText(d time.Duration) string {
	switch seconds, minutes := d.Round(time.Second), d.Round(time.Minute); {
	case seconds <= 0:
		return "0 s"
	case seconds < time.Minute:
		return fmt.Sprintf("%d s", seconds/time.Second)
	case minutes < time.Hour:
		return fmt.Sprintf("%d min", minutes/time.Minute)
	case minutes < 48*time.Hour:
		return twoUnits(minutes, time.Hour, "h", time.Minute, "min")
	}
	return twoUnits(d.Round(time.Hour), 24*time.Hour, "d", time.Hour, "h")
}

// twoUnits writes d, a multiple of the smaller unit. It omits the smaller unit if its number is 0.
func twoUnits(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	text := fmt.Sprintf("%d %s", d/large, largeName)
	if rest := d % large / small; rest > 0 {
		text += fmt.Sprintf(" %d %s", rest, smallName)
	}
	return text
}

// Count writes a number and its noun: 1 prefix, 2 prefixes, 0 networks. The noun is given in the
// singular. Only 1 is singular.
func Count[N ~int | ~int32 | ~int64 | ~uint | ~uint32 | ~uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %s", n, Plural(noun))
}

// Plural returns the plural of a noun by the rules of English spelling: prefixes, losses,
// countries, days, networks.
func Plural(noun string) string {
	ending := func(all ...string) bool {
		for _, s := range all {
			if strings.HasSuffix(noun, s) {
				return true
			}
		}
		return false
	}
	switch {
	case ending("s", "x", "ch", "sh", "AS"):
		return noun + "es"
	case ending("y") && !ending("ay", "ey", "oy", "uy"):
		return noun[:len(noun)-1] + "ies"
	}
	return noun + "s"
}
