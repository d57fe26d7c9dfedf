package playback

import "github.com/darkmap/darkmap/internal/progress"

// work returns the amount of work in a file. Of a table only the beginning was read, so it counts
// by its size on disk.
func (f *filePlan) work() (w progress.Work) {
	if f.table {
		w[progress.TableOctets], w[progress.SettledOctets] = float64(f.bytes), float64(f.bytes)
		return w
	}
	w[progress.Records] = float64(f.records)
	return w
}

// worked returns the work done for an open file. Octets are read ahead, which does not matter for a
// table.
func (f *file) worked() (w progress.Work) {
	if f.plan.table {
		w[progress.TableOctets] = float64(min(f.reader.Stats().FileBytes, f.plan.bytes))
		return w
	}
	w[progress.Records] = float64(min(f.read, f.plan.records))
	return w
}

// work returns the work done for the stream's files.
func (s *stream) work() progress.Work {
	w := s.worked
	for _, f := range s.dumps {
		w = w.Plus(f.worked())
	}
	if s.current != nil {
		w = w.Plus(s.current.worked())
	}
	return w
}

// passed returns the work of the minutes up to a time, microseconds. It is zero up to the first
// time of the files.
func (p *Plan) passed(t int64) (w progress.Work) {
	if p.from != 0 && t > p.from {
		w[progress.Minutes] = float64(min(t, p.to)-p.from) / minuteMicroseconds
	}
	return w
}
