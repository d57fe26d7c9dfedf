package playback

// What the stages have to do for the inputs, in units of a record of updates. Measured with replays of captures of 2013 and of the
// demo, with a store and without: they differ by less than a factor of two, which the share of a run can bear.
const (
	// workOfTableByte is for a byte of a table, as it is on disk.
	workOfTableByte = 0.02
	// workOfMinute is for a minute that passes: its window is closed for everything that is held.
	workOfMinute = 20
)

// work is what a file costs. Of a table only the beginning was read: it counts by its size.
func (f *filePlan) work() float64 {
	if f.table {
		return workOfTableByte * float64(f.bytes)
	}
	return float64(f.records)
}

// worked is the work of what was read of a file that is open. Octets are read ahead, which does not matter for a table.
func (f *file) worked() float64 {
	if f.plan.table {
		return workOfTableByte * float64(min(f.reader.Stats().FileBytes, f.plan.bytes))
	}
	return float64(min(f.read, f.plan.records))
}

// work is that of what was read of the stream's files.
func (s *stream) work() float64 {
	w := s.worked
	for _, f := range s.dumps {
		w += f.worked()
	}
	if s.current != nil {
		w += s.current.worked()
	}
	return w
}

// span notes between which times the records of the files are.
func (p *Plan) span(f *filePlan) {
	if f.first == 0 {
		return
	}
	if p.from == 0 || f.first < p.from {
		p.from = f.first
	}
	p.to = max(p.to, f.first, f.last)
}

// passed is the work of the minutes up to a time, microseconds; 0 before the first.
func (p *Plan) passed(t int64) float64 {
	if p.from == 0 || t <= p.from {
		return 0
	}
	return workOfMinute * float64(min(t, p.to)-p.from) / minuteMicroseconds
}
