package terminal

import (
	"slices"
	"strings"
)

// Column is one column of a table.
type Column struct {
	Title string
	// Shrink is the order in which columns of a table that is too wide lose the bodies of their
	// cells: 1 first, then 2. 0: never.
	Shrink int
	// Whole omits a body that does not fit, instead of cutting it.
	Whole bool
	// Drop is the order in which columns whose rows are all equal move to the line above a table
	// that is too wide: 1 first. 0: never.
	Drop int
	// Said precedes the value in that line; empty shows the value alone. None replaces an empty
	// value; empty omits it.
	Said, None string
}

// Cell is the text of a row in a column. Head and Tail are never cut.
type Cell struct{ Head, Body, Tail string }

// Text returns a cell that is never cut.
func Text(s string) Cell { return Cell{Head: s} }

func (c Cell) full() string  { return c.Head + c.Body + c.Tail }
func (c Cell) least() string { return c.Head + c.Tail }

// leastBody is the width of the shortest useful cut of a body, in cells: a blank, two letters, two
// dots.
const leastBody = 5

// fit returns the text of the cell, cut to width cells.
func (c Cell) fit(width int, whole bool) string {
	if Cells(c.full()) <= width {
		return c.full()
	}
	room := width - Cells(c.least())
	if whole || room < leastBody {
		return c.least()
	}
	return c.Head + Clip(c.Body, room) + c.Tail
}

// Table is rows of cells under titles. Each row has a cell for each column.
type Table struct {
	Columns []Column
	Rows    [][]Cell
	// Notes are further lines below each row, indented; nil has none.
	Notes [][]string
}

const (
	between   = 2  // blanks between columns
	indent    = 2  // of the second and later lines of a row
	narrowest = 20 // narrower terminals get lines of this width
)

// Lines draws the table, no line wider than width; 0 is unlimited. It fits a table that is too wide
// in these steps: columns whose rows are all equal move to lines above; columns that may shrink do
// so; a row takes two or more lines. Control characters are escaped.
func (t *Table) Lines(width int) []string {
	c := t.clean()
	all := make([]int, len(c.Columns))
	for i := range all {
		all[i] = i
	}
	if width <= 0 {
		return c.draw([][]int{all}, c.widths(Cell.full), 0)
	}
	width = max(width, narrowest)
	natural, least := c.widths(Cell.full), c.widths(Cell.least)
	for i, col := range c.Columns {
		if col.Shrink == 0 {
			least[i] = natural[i]
		}
	}
	shown, said := c.drop(all, natural, width)
	lines := c.said(said, width)
	if sum(shown, least) <= width {
		return append(lines, c.draw([][]int{shown}, c.shrink(shown, natural, least, width), width)...)
	}
	groups, few := group(shown, natural, width), group(shown, least, width)
	if len(few) < len(groups) {
		groups = few
	}
	widths := slices.Clone(natural)
	for n, g := range groups {
		shrunk := c.shrink(g, natural, least, room(n, width))
		for _, i := range g {
			widths[i] = shrunk[i]
		}
	}
	return append(lines, c.draw(groups, widths, width)...)
}

// clean returns the table with its control characters escaped.
func (t *Table) clean() *Table {
	out := &Table{Columns: t.Columns, Rows: make([][]Cell, len(t.Rows))}
	for n, row := range t.Rows {
		out.Rows[n] = make([]Cell, len(row))
		for i, c := range row {
			out.Rows[n][i] = Cell{Clean(c.Head), Clean(c.Body), Clean(c.Tail)}
		}
	}
	for _, notes := range t.Notes {
		clean := make([]string, len(notes))
		for i, note := range notes {
			clean[i] = Clean(note)
		}
		out.Notes = append(out.Notes, clean)
	}
	return out
}

// widths returns the widths of the columns, their titles included.
func (t *Table) widths(text func(Cell) string) []int {
	out := make([]int, len(t.Columns))
	for i, col := range t.Columns {
		out[i] = Cells(col.Title)
		for _, row := range t.Rows {
			out[i] = max(out[i], Cells(text(row[i])))
		}
	}
	return out
}

// sum returns the width of a line of these columns.
func sum(columns, widths []int) int {
	n := between * max(len(columns)-1, 0)
	for _, i := range columns {
		n += widths[i]
	}
	return n
}

// drop removes columns whose rows are all equal from the shown ones until the rest fits.
func (t *Table) drop(shown, widths []int, width int) (left, said []int) {
	order := slices.DeleteFunc(slices.Clone(shown), func(i int) bool {
		return t.Columns[i].Drop == 0 || !t.equal(i)
	})
	slices.SortStableFunc(order, func(a, b int) int { return t.Columns[a].Drop - t.Columns[b].Drop })
	left = slices.Clone(shown)
	for _, i := range order {
		if sum(left, widths) <= width {
			break
		}
		left = slices.DeleteFunc(left, func(j int) bool { return i == j })
		said = append(said, i)
	}
	slices.Sort(said)
	return left, said
}

// equal reports whether there are two rows or more and all are equal in a column.
func (t *Table) equal(column int) bool {
	return len(t.Rows) > 1 &&
		!slices.ContainsFunc(t.Rows, func(row []Cell) bool { return row[column] != t.Rows[0][column] })
}

// said returns the lines above the table: the values of the dropped columns.
func (t *Table) said(columns []int, width int) []string {
	var values []string
	for _, i := range columns {
		col, value := t.Columns[i], t.Rows[0][i].full()
		switch {
		case value == "" && col.None == "":
		case value == "":
			values = append(values, col.None)
		case col.Said == "":
			values = append(values, value)
		default:
			values = append(values, col.Said+" "+value)
		}
	}
	if len(values) == 0 {
		return nil
	}
	return Wrap("all rows: "+strings.Join(values, ", "), width, indent)
}

// shrink returns widths of the columns with which they fit into one line, none below least.
func (t *Table) shrink(columns, natural, least []int, width int) []int {
	out := slices.Clone(natural)
	order := slices.Clone(columns)
	slices.SortStableFunc(order, func(a, b int) int { return t.Columns[a].Shrink - t.Columns[b].Shrink })
	over := sum(columns, natural) - width
	for _, i := range order {
		take := min(max(over, 0), natural[i]-least[i])
		if take > 0 && t.Columns[i].Whole {
			take = natural[i] - least[i]
		}
		out[i], over = natural[i]-take, over-take
	}
	return out
}

// room returns the number of cells in the n-th line of a row.
func room(n, width int) int {
	if n == 0 {
		return width
	}
	return width - indent
}

// group distributes columns over the lines of a row, in order. A column wider than a line gets a
// line of its own.
func group(columns, widths []int, width int) (groups [][]int) {
	for _, i := range columns {
		n := len(groups) - 1
		if n >= 0 && sum(append(slices.Clone(groups[n]), i), widths) <= room(n, width) {
			groups[n] = append(groups[n], i)
			continue
		}
		groups = append(groups, []int{i})
	}
	return groups
}

// draw draws the titles and the rows, with one line for each group of columns.
func (t *Table) draw(groups [][]int, widths []int, width int) []string {
	titles := make([]Cell, len(t.Columns))
	for i, col := range t.Columns {
		titles[i] = Text(col.Title)
	}
	lines := t.row(titles, groups, widths, width)
	for n, row := range t.Rows {
		lines = append(lines, t.row(row, groups, widths, width)...)
		if n < len(t.Notes) {
			for _, note := range t.Notes[n] {
				lines = append(lines, Wrap(strings.Repeat(" ", indent)+note, width, 2*indent)...)
			}
		}
	}
	return lines
}

// row draws one row. Lines after the first are indented. A text that is wider than a line continues
// in the next. Empty lines after the first are omitted.
func (t *Table) row(row []Cell, groups [][]int, widths []int, width int) (lines []string) {
	for n, g := range groups {
		var b strings.Builder
		for k, i := range g {
			if k > 0 {
				b.WriteString(strings.Repeat(" ", between))
			}
			b.WriteString(Pad(row[i].fit(widths[i], t.Columns[i].Whole), widths[i]))
		}
		text := strings.TrimRight(b.String(), " ")
		switch {
		case n == 0:
			lines = append(lines, Wrap(text, width, 2*indent)...)
		case text != "":
			lines = append(lines, Wrap(strings.Repeat(" ", indent)+text, width, 2*indent)...)
		}
	}
	return lines
}
