package terminal

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// example returns a table in which two columns are equal in all rows, one may be cut and one loses
// its body.
func example() *Table {
	return &Table{
		Columns: []Column{{Title: "START"}, {Title: "ENTITY"}, {Title: "FAMILY", Drop: 1}, {Title: "KIND", Shrink: 2, Whole: true, Drop: 3}, {Title: "LOSS", Drop: 2, Said: "loss"}, {Title: "UPSTREAM", Shrink: 1}},
		Rows: [][]Cell{
			{Text("00:00"), Text("ZZ Nowhere"), Text("IPv4"), {Head: "intermittent", Body: " (62 losses)"}, Text("4 of 4"), {Head: "AS64500", Body: " Example Transit", Tail: " +1"}},
			{Text("16:15"), Text("AS64496 Nowhere\x1b[2J"), Text("IPv4"), Text("outage"), Text("4 of 4"), {Head: "AS64501"}},
		},
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	for width, want := range map[int][]string{
		0: {
			`START  ENTITY                  FAMILY  KIND                      LOSS    UPSTREAM`,
			`00:00  ZZ Nowhere              IPv4    intermittent (62 losses)  4 of 4  AS64500 Example Transit +1`,
			`16:15  AS64496 Nowhere\x1b[2J  IPv4    outage                    4 of 4  AS64501`,
		},
		96: {
			`all rows: IPv4`,
			`START  ENTITY                  KIND                      LOSS    UPSTREAM`,
			`00:00  ZZ Nowhere              intermittent (62 losses)  4 of 4  AS64500 Example Transit +1`,
			`16:15  AS64496 Nowhere\x1b[2J  outage                    4 of 4  AS64501`,
		},
		88: {
			`all rows: IPv4, loss 4 of 4`,
			`START  ENTITY                  KIND                      UPSTREAM`,
			`00:00  ZZ Nowhere              intermittent (62 losses)  AS64500 Example Transit +1`,
			`16:15  AS64496 Nowhere\x1b[2J  outage                    AS64501`,
		},
		70: {
			`all rows: IPv4, loss 4 of 4`,
			`START  ENTITY                  KIND                      UPSTREAM`,
			`00:00  ZZ Nowhere              intermittent (62 losses)  AS64500 +1`,
			`16:15  AS64496 Nowhere\x1b[2J  outage                    AS64501`,
		},
		58: {
			`all rows: IPv4, loss 4 of 4`,
			`START  ENTITY                  KIND          UPSTREAM`,
			`00:00  ZZ Nowhere              intermittent  AS64500 +1`,
			`16:15  AS64496 Nowhere\x1b[2J  outage        AS64501`,
		},
		46: {
			`all rows: IPv4, loss 4 of 4`,
			`START  ENTITY                  KIND`,
			`  UPSTREAM`,
			`00:00  ZZ Nowhere              intermittent`,
			`  AS64500 Example Transit +1`,
			`16:15  AS64496 Nowhere\x1b[2J  outage`,
			`  AS64501`,
		},
		20: {
			`all rows: IPv4, loss`,
			`  4 of 4`,
			`START`,
			`  ENTITY`,
			`  KIND`,
			`  UPSTREAM`,
			`00:00`,
			`  ZZ Nowhere`,
			`  intermittent`,
			`  AS64500 Examp.. +1`,
			`16:15`,
			`  AS64496`,
			`    Nowhere\x1b[2J`,
			`  outage`,
			`  AS64501`,
		},
	} {
		if diff := cmp.Diff(want, example().Lines(width)); diff != "" {
			t.Errorf("width %d (-want +got):\n%s", width, diff)
		}
	}
}

// TestTableOfOneRow checks that a table of one row has no line about all rows.
func TestTableOfOneRow(t *testing.T) {
	t.Parallel()
	one := example()
	one.Rows = one.Rows[:1]
	for _, l := range one.Lines(40) {
		if strings.HasPrefix(l, "all rows") {
			t.Errorf("got %q", l)
		}
	}
	if got := (&Table{Columns: one.Columns}).Lines(40); len(got) == 0 {
		t.Error("got no heading of a table without rows")
	}
}

// TestTableFits draws random tables: no line is wider than the terminal, no head or tail is lost,
// and without a width nothing is lost.
func TestTableFits(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	words := []string{"AS64496", "東京電力", "e\u0301tude", "x", "", "2001:db8:1234:5678:9abc::/80", "Long Name of a Network", "👩\u200d🔬", "a\x1b[2Jb"}
	word := func() string { return words[rng.IntN(len(words))] }
	squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
	for n := range 3000 {
		table := &Table{}
		for i := range 1 + rng.IntN(9) {
			table.Columns = append(table.Columns, Column{Title: fmt.Sprintf("TITLE%d", i), Shrink: rng.IntN(4), Drop: rng.IntN(4), Whole: rng.IntN(2) == 0, Said: word()})
		}
		for range rng.IntN(5) {
			var row []Cell
			for range table.Columns {
				row = append(row, Cell{word(), " " + word(), word()})
			}
			table.Rows = append(table.Rows, row)
		}
		width := []int{0, 20, 60, 80, 120, 200, 20 + rng.IntN(181)}[rng.IntN(7)]
		lines := table.Lines(width)
		all := squeeze(strings.Join(lines, ""))
		for _, l := range lines {
			if width > 0 && Cells(l) > width {
				t.Fatalf("table %d, width %d: %d cells: %q", n, width, Cells(l), l)
			}
		}
		for _, row := range table.Rows {
			for _, c := range row {
				if !strings.Contains(all, squeeze(Clean(c.Head))) || !strings.Contains(all, squeeze(Clean(c.Tail))) || width == 0 && !strings.Contains(all, squeeze(Clean(c.full()))) {
					t.Fatalf("table %d, width %d lacks %+v:\n%s", n, width, c, strings.Join(lines, "\n"))
				}
			}
		}
	}
}
