package progress

// Kind is a kind of work.
type Kind int

// The kinds of work that the stages have.
const (
	// TableOctets are octets of table dumps, as they are on disk.
	TableOctets Kind = iota
	// SettledOctets are those of them after which a window was closed: detect decides then on all that they hold.
	SettledOctets
	// Records are records of files of updates.
	Records
	// Minutes are minutes of event time: after each a window is closed for everything that is held.
	Minutes
	// ReadOctets and ReadRecords are TableOctets and Records that were read of the files: the stages share the processors, so that what is
	// ahead of the slowest is done, too.
	ReadOctets
	ReadRecords
	kinds
)

// Work is how many units of each kind there are.
type Work [kinds]float64

// Plus is the sum.
func (w Work) Plus(o Work) Work {
	for k := range w {
		w[k] += o[k]
	}
	return w
}

// WithRead is w, and read as what was read of the files.
func (w Work) WithRead(read Work) Work {
	w[ReadOctets], w[ReadRecords] = read[TableOctets], read[Records]
	return w
}

// read is what WithRead took.
func (w Work) read() (r Work) {
	r[TableOctets], r[Records] = w[ReadOctets], w[ReadRecords]
	return r
}

// between is the point that lies the given part of the way from w to o.
func (w Work) between(o Work, part float64) Work {
	for k := range w {
		w[k] += part * (o[k] - w[k])
	}
	return w
}
