package playback

import "time"

// Files lists the names of the files that are played, by collector, tables first.
func (p *Plan) Files() []string {
	var names []string
	p.each(func(f *filePlan) { names = append(names, f.title) })
	return names
}

// Span is the first and the last time in the files that are played; zero where no record has one.
func (p *Plan) Span() (first, last time.Time) {
	var low, high int64
	p.each(func(f *filePlan) {
		if f.first != 0 && (low == 0 || f.first < low) {
			low = f.first
		}
		high = max(high, f.first, f.last)
	})
	if low == 0 {
		return first, last
	}
	return time.UnixMicro(low).UTC(), time.UnixMicro(high).UTC()
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
