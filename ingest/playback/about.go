package playback

import "time"

// Files returns the names of the files that are played, by collector, tables first.
func (p *Plan) Files() []string {
	var names []string
	p.each(func(f *filePlan) { names = append(names, f.title) })
	return names
}

// Span returns the first and the last time in the files that are played. Both are zero if no record
// has a time.
func (p *Plan) Span() (first, last time.Time) { return times(p.from, p.to) }

// RealSpan is Span without the files whose times count from a router's start. Both times are zero
// if there is no other file.
func (p *Plan) RealSpan() (first, last time.Time) {
	return times(p.between(func(f *filePlan) bool { return f.shift == 0 }))
}

// between returns the first and the last time, microseconds, in the files that of accepts. Both are
// 0 if no record has a time.
func (p *Plan) between(of func(*filePlan) bool) (first, last int64) {
	p.each(func(f *filePlan) {
		if f.first == 0 || !of(f) {
			return
		}
		if first == 0 || f.first < first {
			first = f.first
		}
		last = max(last, f.first, f.last)
	})
	return first, last
}

func times(first, last int64) (from, to time.Time) {
	if first == 0 {
		return from, to
	}
	return time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
}

func (p *Plan) each(f func(*filePlan)) {
	for _, c := range p.collectors {
		for _, t := range c.tables {
			f(t)
		}
		for _, u := range c.updates {
			f(u)
		}
	}
}
