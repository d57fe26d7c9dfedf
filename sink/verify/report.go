package verify

import "slices"

// maxPlaces is the maximum number of places that are named for one fault.
const maxPlaces = 20

// Report is the result of comparing the tables of a dataset with its log.
type Report struct {
	Dataset string        `json:"dataset"`
	Tables  []TableReport `json:"tables"`
	Copies  []CopyReport  `json:"copies"`
}

// Right reports whether no row is missing, doubled, different or strange.
func (r *Report) Right() bool {
	return !slices.ContainsFunc(r.Tables, func(t TableReport) bool { return !t.right() }) &&
		!slices.ContainsFunc(r.Copies, func(c CopyReport) bool { return !c.right() })
}

// compared reports whether there were records to compare.
func (r *Report) compared() bool {
	return slices.ContainsFunc(r.Tables, func(t TableReport) bool { return t.Records > 0 })
}

// TableReport compares a topic with its table.
type TableReport struct {
	Table string `json:"table"`
	// Topic is the full name of the topic.
	Topic      string `json:"topic"`
	Partitions int    `json:"partitions"`
	// Records counts the records that were read, Rows the rows that they make.
	Records uint64 `json:"records"`
	Rows    uint64 `json:"rows"`
	// Again counts records whose rows an earlier record makes. The table has these rows once.
	Again uint64 `json:"records_again"`
	// Undecodable counts records that cannot be decoded; they make no rows. The Rows of this fault
	// counts records.
	Undecodable Fault `json:"undecodable"`
	// Lost counts records that were lost on the disk of the embedded broker.
	Lost uint64 `json:"records_lost"`
	// Elsewhere counts right rows that were stored from another log, for example if a dataset is
	// played again.
	Elsewhere uint64 `json:"rows_of_another_log"`
	// Waiting counts records that the sink has not stored yet.
	Waiting int64 `json:"records_waiting"`
	// Uncommitted counts partitions with records but without a commit of the sink. They were
	// compared to their end.
	Uncommitted int `json:"partitions_without_commit"`
	// Ahead counts partitions whose log ends before the sink's committed offset.
	Ahead int `json:"partitions_that_went_back"`
	// Before counts rows that were stored from records that the log no longer holds. They were not
	// compared.
	Before uint64 `json:"rows_before_the_log"`
	// Dropped holds rows that the table has dropped because they are older than its retention.
	Dropped Fault `json:"dropped"`

	Missing Fault `json:"missing"`
	// Doubled holds rows that exist more than once until ClickHouse merges them. DoubledFinal holds
	// rows that are doubled even with FINAL. Extra counts the surplus rows.
	Doubled      Fault  `json:"doubled"`
	Extra        uint64 `json:"rows_too_many"`
	DoubledFinal Fault  `json:"doubled_with_final"`
	Different    Fault  `json:"different"`
	// Strange holds rows whose offset names a record of the topic that does not make them.
	Strange Fault `json:"strange"`
}

func (t *TableReport) right() bool {
	return t.Missing.Rows+t.Doubled.Rows+t.DoubledFinal.Rows+t.Different.Rows+t.Strange.Rows == 0
}

// Fault is a number of rows with the same fault, and the places of the first of them.
type Fault struct {
	Rows   uint64  `json:"rows"`
	Places []Place `json:"places,omitempty"`
}

// Place is the partition, offset and position of a row in the log.
type Place struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
	// Position is the position of the record, and the row's number in the record if it has one.
	Position string `json:"position,omitempty"`
	// Note names the columns that differ, or the reason why a record could not be decoded.
	Note string `json:"note,omitempty"`
}

// add counts rows and keeps the first places.
func (f *Fault) add(rows uint64, places ...Place) {
	f.Rows += rows
	f.Places = append(f.Places, places[:min(len(places), maxPlaces-len(f.Places))]...)
}

// take adds a result row of ClickHouse.
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

// CopyReport compares a table that a view fills with the result of the view over its source.
type CopyReport struct {
	Table string `json:"table"`
	// View is the view that fills the table.
	View string `json:"view"`
	// Rows counts the rows that were compared.
	Rows uint64 `json:"rows"`
	// Missing holds rows that the source makes and that are absent or different in the table.
	// Strange holds rows of the table that the source does not make. Their places have no offsets.
	Missing Fault `json:"missing"`
	Strange Fault `json:"strange"`
	// NotLooked counts differing days, hours or minutes of event time beyond the first maxPlaces.
	// Their rows were not named or counted.
	NotLooked int `json:"times_not_looked_into"`
	// Why is the reason why the table was not compared; empty if it was.
	Why string `json:"not_compared,omitempty"`
}

func (c *CopyReport) right() bool {
	return c.Missing.Rows+c.Strange.Rows == 0 && c.NotLooked == 0 && c.Why == ""
}
