package dump_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/dump"
)

// TestPathMatchEqualsRegexp compares the automaton with Go's regular expression, which is slower.
func TestPathMatchEqualsRegexp(t *testing.T) {
	t.Parallel()
	patterns := []string{
		"", "^$", "^", "$", "3356", "^3356", "1$", "[13]$", " 3[0-9]+6 .*1$", `\b33\b`, `\B3\B`, "(?i)a|3", "(1|2){2,3} ", "^[0-9]+ [0-9]+$", "1.*2.*3", `(?:^|\s)33(?:\s|$)`,
		"[^0-9 ]", `\{.*,`, "(?m)^3", "(?s).", "x*", "(a*)*$", `\A3|6\z`, "3+?3", `(?:1 )+2`, "1{40}", "[[:digit:]]{5}", `(?U)3+ 5`, ".*.*.*6",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, pattern := range patterns {
		m, err := dump.ParsePath(pattern)
		if err != nil {
			t.Fatal(err)
		}
		re := regexp.MustCompile(pattern)
		for n := range 2000 {
			text := somePath(random, n%8)
			if got, want := m.Match([]byte(text)), re.MatchString(text); got != want {
				t.Fatalf("%q on %q: got %v, want %v", pattern, text, got, want)
			}
		}
	}
	m := must(dump.ParsePath("_33_"))
	for text, want := range map[string]bool{"33": true, "1 33": true, "33 1": true, "1 {33,2}": true, "133": false, "1 335": false, "33é": false, "": false} {
		if got := m.Match([]byte(text)); got != want {
			t.Errorf("_33_ on %q: got %v, want %v", text, got, want)
		}
	}
	// More states than the cache holds: bits of the last characters.
	m, re := must(dump.ParsePath("1[0-9 ]{14}$")), regexp.MustCompile("1[0-9 ]{14}$")
	for range 5000 {
		text := somePath(random, 12)
		if got, want := m.Match([]byte(text)), re.MatchString(text); got != want {
			t.Fatalf("%q: got %v, want %v", text, got, want)
		}
	}
}

// somePath returns a printed path of n numbers of few digits.
func somePath(random *rand.Rand, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(' ')
		}
		hop := fmt.Sprint([]int{1, 2, 3, 33, 16, 3356, 12345, 36, 5}[random.IntN(9)])
		if random.IntN(12) == 0 {
			hop = "{" + hop + ",6}"
		}
		b.WriteString(hop)
	}
	return b.String()
}
