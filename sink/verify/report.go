package verify

import "slices"

// maxPlaces is how many places of one fault are named.
const maxPlaces = 20

// Report says how the tables of a dataset stand to its log.
type Report struct {
	Dataset string        `json:"dataset"`
	Tables  []TableReport `json:"tables"`
	Copies  []CopyReport  `json:"copies"`
}

// Right reports whether nothing is missing, doubled, different or strange.
func (r *Report) Right() bool {
	return !slices.ContainsFunc(r.Tables, func(t TableReport) bool { return !t.right() }) &&
		!slices.ContainsFunc(r.Copies, func(c CopyReport) bool { return !c.right() })
}

// compared reports whether there was anything to compare.
func (r *Report) compared() bool {
	return slices.ContainsFunc(r.Tables, func(t TableReport) bool { return t.Records > 0 })
}

// TableReport compares a topic with its table.
type TableReport struct {
	Table string `json:"table"`
	// Topic is the full name.
	Topic      string `json:"topic"`
	Partitions int    `json:"partitions"`
	// Records were read; Rows are what they make.
	Records uint64 `json:"records"`
	Rows    uint64 `json:"rows"`
	// Again are records whose rows an earlier record makes; the table has them once.
	Again uint64 `json:"records_again"`
	// Undecodable are records that cannot be understood: they make no rows. Rows counts records here.
	Undecodable Fault `json:"undecodable"`
	// Lost are records that were lost on the disk of the embedded broker.
	Lost uint64 `json:"records_lost"`
	// Elsewhere are rows that are right and were stored from another log, as when a dataset is played again.
	Elsewhere uint64 `json:"rows_of_another_log"`
	// Waiting are records that the sink has not stored yet.
	Waiting int64 `json:"records_waiting"`
	// Uncommitted are partitions with records in which the sink has committed nothing: they were compared to their end.
	Uncommitted int `json:"partitions_without_commit"`
	// Ahead are partitions whose log ends before the sink's committed offset.
	Ahead int `json:"partitions_that_went_back"`
	// Before are rows that were stored from records that the log does not hold any more: they were not compared.
	Before uint64 `json:"rows_before_the_log"`
	// Dropped are rows that are not there any more because they are older than the table keeps them.
	Dropped Fault `json:"dropped"`

	Missing Fault `json:"missing"`
	// Doubled are rows that are there more than once until ClickHouse merges them; DoubledFinal those that are so with FINAL too. Extra
	// counts how many rows are too many.
	Doubled      Fault  `json:"doubled"`
	Extra        uint64 `json:"rows_too_many"`
	DoubledFinal Fault  `json:"doubled_with_final"`
	Different    Fault  `json:"different"`
	// Strange are rows that say that they come from records of the log which do not make them.
	Strange Fault `json:"strange"`
}

func (t *TableReport) right() bool {
	return t.Missing.Rows+t.Doubled.Rows+t.DoubledFinal.Rows+t.Different.Rows+t.Strange.Rows == 0
}

// Fault is a number of rows of which the same is wrong, with the first of them.
type Fault struct {
	Rows   uint64  `json:"rows"`
	Places []Place `json:"places,omitempty"`
}

// Place is where a row stands in the log.
type Place struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
	// Position is that of the record, and the row's number in it where it has one.
	Position string `json:"position,omitempty"`
	// Note names the columns that differ, or says why a record was not understood.
	Note string `json:"note,omitempty"`
}

// add counts rows and keeps the first places.
func (f *Fault) add(rows uint64, places ...Place) {
	f.Rows += rows
	f.Places = append(f.Places, places[:min(len(places), maxPlaces-len(f.Places))]...)
}

// take adds an answer of ClickHouse.
func (t *TableReport) take(f found, partition int32, final bool) {
	for i := range f.Places {
		f.Places[i].Partition = partition
	}
	switch {
	case final && f.More > 0:
		t.DoubledFinal.add(f.Rows, f.Places...)
	case final:
	case f.State == "missing":
		t.Missing.add(f.Rows, f.Places...)
	case f.State == "dropped":
		t.Dropped.add(f.Rows, f.Places...)
	case f.State == "different":
		t.Different.add(f.Rows, f.Places...)
		t.Extra += f.More
	case f.State == "doubled":
		t.Doubled.add(f.Rows, f.Places...)
		t.Extra += f.More
	case f.State == "strange":
		t.Strange.add(f.Rows, f.Places...)
	}
}

// CopyReport compares a table that a view fills with what the view makes of its source.
type CopyReport struct {
	Table string `json:"table"`
	// View fills the table.
	View string `json:"view"`
	// Rows were compared.
	Rows uint64 `json:"rows"`
	// Missing are rows that the source makes and the table lacks or has otherwise, Strange the reverse. Places have no offsets.
	Missing Fault `json:"missing"`
	Strange Fault `json:"strange"`
	// NotLooked are days, hours or minutes of event time that differ beyond the first maxPlaces: their rows were not named or counted.
	NotLooked int `json:"times_not_looked_into"`
	// Why says why the table was not compared; empty where it was.
	Why string `json:"not_compared,omitempty"`
}

func (c *CopyReport) right() bool {
	return c.Missing.Rows+c.Strange.Rows == 0 && c.NotLooked == 0 && c.Why == ""
}
