package progress

// Kind is a kind of work.
type Kind int

// The kinds of work of the stages.
const (
	// TableOctets are octets of table dumps, in the size of the files on disk.
	TableOctets Kind = iota
	// SettledOctets are the TableOctets after which a window was closed: detect has decided on
	// them.
	SettledOctets
	// Records are records of update files.
	Records
	// Minutes are minutes of event time. After each minute detect closes a window over the whole
	// state.
	Minutes
	// ReadOctets and ReadRecords are the TableOctets and Records that ingest has read from the
	// files. They count as work too, because the stages share the processors and ingest runs ahead
	// of the slowest stage.
	ReadOctets
	ReadRecords
	kinds
)

// Work is a number of units of each kind.
type Work [kinds]float64

// Plus returns the sum of w and o.
func (w Work) Plus(o Work) Work {
	for k := range w {
		w[k] += o[k]
	}
	return w
}

// WithRead returns w with the units of read as its ReadOctets and ReadRecords.
func (w Work) WithRead(read Work) Work {
	w[ReadOctets], w[ReadRecords] = read[TableOctets], read[Records]
	return w
}

// read is the reverse of WithRead: it returns ReadOctets and ReadRecords as TableOctets and
// Records.
func (w Work) read() (r Work) {
	r[TableOctets], r[Records] = w[ReadOctets], w[ReadRecords]
	return r
}

// between returns w plus the given part of the difference to o.
func (w Work) between(o Work, part float64) Work {
	for k := range w {
		w[k] += part * (o[k] - w[k])
	}
	return w
}
