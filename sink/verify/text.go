package verify

import (
	"fmt"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
)

// Lines formats the report as sentences: a line for each table, and below it the faults and notes
// of the table.
func (r *Report) Lines() []string {
	var all []string
	for i := range r.Tables {
		all = append(all, r.Tables[i].lines()...)
	}
	for i := range r.Copies {
		all = append(all, r.Copies[i].lines()...)
	}
	switch {
	case r.Right() && !r.compared():
		return append(all, fmt.Sprintf("The log of dataset %s holds no records to compare.", r.Dataset))
	case r.Right():
		return append(all, fmt.Sprintf("The tables of dataset %s equal the log.", r.Dataset))
	}
	return append(all, fmt.Sprintf("The tables of dataset %s do not equal the log.", r.Dataset))
}

func (t *TableReport) lines() []string {
	verdict := "equals the log"
	if !t.right() {
		verdict = "DOES NOT EQUAL the log"
	}
	all := []string{fmt.Sprintf("%s: %s: %s of %s of %s (%s)", t.Table, verdict, bgp.Count(t.Rows, "row"),
		bgp.Count(t.Records, "record"), t.Topic, bgp.Count(t.Partitions, "partition"))}
	fault := func(f Fault, text string) {
		if f.Rows == 0 {
			return
		}
		all = append(all, "  "+bgp.Count(f.Rows, "row")+" "+text)
		all = append(all, t.places(f)...)
	}
	fault(t.Missing, "missing in the table:")
	fault(t.Doubled,
		fmt.Sprintf(
			"more than once in the table (%d too many) until ClickHouse merges its parts; FINAL shows each once:",
			t.Extra))
	fault(t.DoubledFinal, "more than once in the table, with FINAL too:")
	fault(t.Different, "different in the table:")
	fault(t.Strange, "in the table that no record makes:")
	note := func(n uint64, one, text string) {
		if n > 0 {
			all = append(all, "  "+bgp.Count(n, one)+" "+text)
		}
	}
	if t.Undecodable.Rows > 0 {
		all = append(all, "  "+bgp.Count(t.Undecodable.Rows, "record")+
			" could not be understood and made no rows; the sink writes such records to the dead letters:")
		all = append(all, t.places(t.Undecodable)...)
	}
	note(t.Again, "record", "came again and made no rows")
	note(t.Lost, "record", "lost on the disk of the embedded Kafka: their rows cannot be compared")
	note(t.Elsewhere, "row", "right and stored from another log with the same positions")
	note(t.Dropped.Rows, "row", "older than the table keeps rows, and dropped")
	note(t.Before, "row", "of records that Kafka does not keep any more: not compared")
	if t.Waiting > 0 {
		note(uint64(t.Waiting), "record", "not stored yet (markers of transactions count)")
	}
	if t.Uncommitted > 0 {
		all = append(all,
			"  the sink has committed nothing in "+bgp.Count(t.Uncommitted, "partition")+
				": all that is there was compared")
	}
	if t.Ahead > 0 {
		all = append(all, "  the log of "+bgp.Count(t.Ahead, "partition")+
			" ends before the offset that the sink has committed: Kafka has lost records")
	}
	return all
}

// places formats the first places of a fault.
func (t *TableReport) places(f Fault) []string {
	var all []string
	for _, p := range f.Places {
		line := fmt.Sprintf("    %s, partition %d, offset %d", t.Topic, p.Partition, p.Offset)
		if p.Position != "" {
			line += ", " + plaintext.Clean(p.Position)
		}
		if p.Note != "" {
			line += ": " + plaintext.Clean(p.Note)
		}
		all = append(all, line)
	}
	return more(all, f)
}

// more adds a line with the number of places that are not named.
func more(lines []string, f Fault) []string {
	if n := f.Rows - uint64(len(f.Places)); n > 0 {
		lines = append(lines, fmt.Sprintf("    and %d more", n))
	}
	return lines
}

func (c *CopyReport) lines() []string {
	if c.Why != "" {
		return []string{fmt.Sprintf("%s: NOT COMPARED with what the view %s makes: %s", c.Table, c.View, c.Why)}
	}
	verdict := "equals its source"
	if !c.right() {
		verdict = "DOES NOT EQUAL its source"
	}
	all := []string{
		fmt.Sprintf("%s: %s: %s as the view %s makes them", c.Table, verdict, bgp.Count(c.Rows, "row"), c.View),
	}
	for _, f := range []struct {
		fault Fault
		text  string
	}{
		{c.Missing, "missing or different in the table:"},
		{c.Strange, "in the table that the source does not make:"},
	} {
		if f.fault.Rows == 0 {
			continue
		}
		all = append(all, "  "+bgp.Count(f.fault.Rows, "row")+" "+f.text)
		for _, p := range f.fault.Places {
			line := "    " + plaintext.Clean(p.Position)
			if p.Note != "" {
				line += ": " + p.Note
			}
			all = append(all, line)
		}
		all = more(all, f.fault)
	}
	if c.NotLooked > 0 {
		all = append(all,
			fmt.Sprintf("  %d more days, hours or minutes differ: their rows are not counted here", c.NotLooked))
	}
	return all
}
