package dump

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// PathMatch is a regular expression over the printed path. One goroutine uses it.
type PathMatch struct {
	re      *regexp.Regexp
	prog    *syntax.Prog
	states  []pathState // by number; the numbers below firstState are results
	numbers map[string]int32
}

// delimiter is the expression for _: the start or the end of the path, or a separator of its
// numbers.
const delimiter = `(?:^|$|[ ,{}()\[\]])`

// ParsePath parses a regular expression over the printed path: 64496 64497 {64498,64499}. As in
// router configurations, _ matches a delimiter, so _64496_ matches this AS and no AS whose number
// contains it.
func ParsePath(s string) (*PathMatch, error) {
	var b strings.Builder
	class, escaped := false, false
	for _, c := range s {
		if c == '_' && !class && !escaped {
			b.WriteString(delimiter)
		} else {
			b.WriteRune(c)
		}
		class = !escaped && (c == '[' || class && c != ']') || escaped && class
		escaped = c == '\\' && !escaped
	}
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, fmt.Errorf("%q is not a regular expression (RE2): %w", s, err)
	}
	parsed, err := syntax.Parse(b.String(), syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("%q is not a regular expression (RE2): %w", s, err)
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, fmt.Errorf("%q is not a regular expression (RE2): %w", s, err)
	}
	return &PathMatch{re: re, prog: prog}, nil
}

const (
	// maxStates bounds the cached states; each takes about 600 octets.
	maxStates = 4096
	// endOfText is the column of a state's transitions for the end of the text, after those of
	// ASCII.
	endOfText = 128
)

// The results of a transition. They are numbers below the first state's.
const (
	notBuilt int32 = iota
	matched
	refused
	firstState
)

// pathState is the set of positions in the expression after a character of a text.
type pathState struct {
	pcs  []uint32 // possible instructions of the program, sorted
	prev rune     // the kind of the character before, by an example; -1 at the start
	next [endOfText + 1]int32
}

// Match reports whether the expression matches the printed path. It builds the states of an
// automaton when a text first needs them, so that a character costs one look-up.
func (m *PathMatch) Match(text []byte) bool {
	if len(m.states) == 0 || len(m.states) > maxStates {
		m.states, m.numbers = make([]pathState, firstState), map[string]int32{}
		m.state(nil, -1)
	}
	at := firstState
	for i := 0; i <= len(text); i++ {
		c := byte(endOfText)
		if i < len(text) {
			if c = text[i]; c >= endOfText { // a printed path is ASCII
				return m.re.Match(text)
			}
		}
		next := m.states[at].next[c]
		if next == notBuilt {
			next = m.step(at, c)
		}
		switch next {
		case matched:
			return true
		case refused:
			return false
		}
		at = next
	}
	return false
}

// step builds the transition of a state for a character.
func (m *PathMatch) step(at int32, c byte) int32 {
	r, kind := rune(c), ' '
	switch {
	case c == endOfText:
		r = -1
	case syntax.IsWordChar(r):
		kind = '0'
	}
	s := &m.states[at]
	w := closure{prog: m.prog, holds: syntax.EmptyOpContext(s.prev, r), seen: make([]bool, len(m.prog.Inst))}
	w.add(uint32(m.prog.Start)) // a match may begin anywhere
	for _, pc := range s.pcs {
		w.add(pc)
	}
	next := refused
	switch {
	case w.matched:
		next = matched
	case r >= 0:
		var pcs []uint32
		for pc, in := range w.seen {
			if i := &m.prog.Inst[pc]; in && accepts(i, r) {
				pcs = append(pcs, i.Out)
			}
		}
		slices.Sort(pcs)
		next = m.state(slices.Compact(pcs), kind)
	}
	m.states[at].next[c] = next
	return next
}

// state returns the number of a state.
func (m *PathMatch) state(pcs []uint32, prev rune) int32 {
	key := fmt.Sprint(prev, pcs)
	n, ok := m.numbers[key]
	if !ok {
		n = int32(len(m.states))
		m.numbers[key] = n
		m.states = append(m.states, pathState{pcs: pcs, prev: prev})
	}
	return n
}

// closure is the set of instructions that the program reaches without a character, if the
// assertions in holds are true.
type closure struct {
	prog    *syntax.Prog
	holds   syntax.EmptyOp
	seen    []bool
	matched bool
}

func (w *closure) add(pc uint32) {
	if w.seen[pc] {
		return
	}
	w.seen[pc] = true
	switch i := &w.prog.Inst[pc]; i.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		w.add(i.Out)
		w.add(i.Arg)
	case syntax.InstCapture, syntax.InstNop:
		w.add(i.Out)
	case syntax.InstEmptyWidth:
		if syntax.EmptyOp(i.Arg)&^w.holds == 0 {
			w.add(i.Out)
		}
	case syntax.InstMatch:
		w.matched = true
	case syntax.InstFail, syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
	}
}

// accepts reports whether an instruction consumes a character.
func accepts(i *syntax.Inst, r rune) bool {
	switch i.Op {
	case syntax.InstRune, syntax.InstRune1:
		return i.MatchRune(r)
	case syntax.InstRuneAny:
		return true
	case syntax.InstRuneAnyNotNL:
		return r != '\n'
	case syntax.InstAlt, syntax.InstAltMatch, syntax.InstCapture, syntax.InstEmptyWidth,
		syntax.InstMatch, syntax.InstFail, syntax.InstNop:
	}
	return false
}
