package clickhouse

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// difference is one difference between a database and this program's schema.
type difference struct {
	// text describes the difference.
	text string
	// done describes the repair. It is empty if no repair preserves every row.
	done string
	// repair holds the statements of the repair.
	repair []string
	// check is a query that returns 0 if the repair loses nothing. It is empty if that is certain.
	check string
	// todo describes the remedy for an operator if there is no repair.
	todo string
}

// createHead matches the beginning of a statement that makes a table, view or dictionary.
var createHead = regexp.MustCompile(`^CREATE ((?:MATERIALIZED )?VIEW|TABLE|DICTIONARY) (\S+)`)

// create turns the statement of a description into one that is safe to run twice. replace is for
// views and dictionaries.
func (s Server) create(t *tableSchema, replace bool) string {
	head := "CREATE ${1} IF NOT EXISTS ${2} " + s.onCluster()
	if replace {
		head = "CREATE OR REPLACE ${1} ${2} " + s.onCluster()
	}
	return s.withLogin(createHead.ReplaceAllString(t.Create, head))
}

// compare lists the differences of have from want: tables first, then views, by name. It ignores
// additional tables, columns, indexes and projections, which belong to the operator. It also
// ignores comments, codecs, settings and times to live.
func (s Server) compare(want, have schema, exact bool) []difference {
	names := slices.SortedFunc(maps.Keys(want), func(a, b string) int {
		if x, y := want[a].kind() == "table", want[b].kind() == "table"; x != y {
			return map[bool]int{true: -1, false: 1}[x]
		}
		return strings.Compare(a, b)
	})
	var all []difference
	for _, name := range names {
		w, h := want[name], have[name]
		full := s.Database + "." + name
		switch {
		case h == nil:
			d := difference{
				text:   w.kind() + " " + name + " is missing",
				done:   w.kind() + " " + name + " was missing: it was made again",
				repair: []string{s.create(w, false)},
			}
			if w.kind() == "table" {
				d.done += ", without rows"
			}
			if !exact && s.Cluster != "" {
				d.repair, d.todo = nil, "run darkmap migrate as a user that may create databases"
			}
			all = append(all, d)
		case w.kind() != h.kind():
			all = append(all, difference{
				text: fmt.Sprintf("%s is a %s (%s), and this program wants a %s", name, h.kind(), h.Engine, w.kind()),
				todo: fmt.Sprintf(
					"move it away (darkmap sql --write \"RENAME TABLE %s TO %s_old\"), then run darkmap migrate",
					full, full),
			})
		case w.view():
			if exact && w.Create != h.Create {
				all = append(all, difference{
					text:   "view " + name + " is not the one of this program",
					done:   "view " + name + " was not the one of this program: it was replaced",
					repair: []string{s.create(w, true)},
				})
			}
		default:
			all = append(all, s.compareTable(name, w, h, exact)...)
		}
	}
	return all
}

// compareTable compares an existing table.
func (s Server) compareTable(name string, w, h *tableSchema, exact bool) []difference {
	var all []difference
	for _, x := range []struct{ what, want, have string }{
		{"engine", w.storage(), h.storage()},
		{"sorting key", w.SortingKey, h.SortingKey},
		{"partition key", w.PartitionKey, h.PartitionKey},
	} {
		if x.want != x.have && (exact || x.what == "engine") {
			all = append(all, difference{
				text: fmt.Sprintf("table %s has the %s %q, and this program wants %q", name, x.what, x.have, x.want),
				todo: fmt.Sprintf(
					"move it away (darkmap sql --write \"RENAME TABLE %s.%s TO %s.%s_old\"), run darkmap migrate, "+
						"and copy its rows",
					s.Database, name, s.Database, name),
			})
		}
	}
	if w.kind() == "table" {
		all = append(all, s.compareColumns(name, w, h, exact)...)
	} else if exact && w.Create != h.Create {
		// A materialized view into a table, or a dictionary: neither has rows of its own.
		d := difference{
			text:   fmt.Sprintf("%s %s is not the one of this program", w.kind(), name),
			done:   fmt.Sprintf("%s %s was not the one of this program: it was replaced", w.kind(), name),
			repair: []string{s.create(w, true)},
		}
		if w.kind() == "materialized view" { // one statement cannot replace it
			d.repair = []string{
				fmt.Sprintf("DROP VIEW IF EXISTS %s.%s %s SYNC", s.Database, name, s.onCluster()),
				s.create(w, false),
			}
		}
		all = append(all, d)
	}
	if exact {
		all = append(all, s.compareExtras(name, "INDEX", w.Indexes, h.Indexes)...)
		all = append(all, s.compareExtras(name, "PROJECTION", w.Projections, h.Projections)...)
	}
	return all
}

func (s Server) compareColumns(name string, w, h *tableSchema, exact bool) []difference {
	alter := fmt.Sprintf("ALTER TABLE %s.%s %s ", s.Database, name, s.onCluster())
	position := " FIRST"
	var all []difference
	for i := range w.Columns {
		c := &w.Columns[i]
		is := h.column(c.Name)
		modify := alter + "MODIFY COLUMN " + c.definition()
		if c.DefaultKind == "" && is != nil && is.DefaultKind != "" {
			modify = alter + "MODIFY COLUMN " + quoteName(c.Name) + " REMOVE " + is.DefaultKind
		}
		switch {
		case is == nil:
			d := difference{
				text:   fmt.Sprintf("column %s.%s is missing", name, c.Name),
				done:   fmt.Sprintf("column %s.%s was missing: it was added", name, c.Name),
				repair: []string{alter + "ADD COLUMN IF NOT EXISTS " + c.definition() + position},
			}
			if c.DefaultKind != "ALIAS" {
				d.done += ", with its default value in the rows that are there"
			}
			all = append(all, d)
		case is.Type != c.Type:
			all = append(all, difference{
				text: fmt.Sprintf("column %s.%s has the type %s, and this program wants %s",
					name, c.Name, is.Type, c.Type),
				done: fmt.Sprintf("column %s.%s had the type %s: it has %s again, with every value kept",
					name, c.Name, is.Type, c.Type),
				repair: []string{alter + "MODIFY COLUMN " + c.definition()},
				check: fmt.Sprintf("SELECT countIf(toString(accurateCast(%s, %s)) != toString(%s)) FROM %s.%s",
					quoteName(c.Name), QuoteText(c.Type), quoteName(c.Name), s.Database, name),
				todo: fmt.Sprintf(
					"look at its values, then change it back "+
						"(darkmap sql --write \"ALTER TABLE %s.%s MODIFY COLUMN %s %s\"), "+
						"or move the table away and run darkmap migrate",
					s.Database, name, c.Name, c.Type),
			})
		case exact && (is.DefaultKind != c.DefaultKind || is.Default != c.Default):
			all = append(all, difference{
				text:   fmt.Sprintf("column %s.%s has another default", name, c.Name),
				done:   fmt.Sprintf("column %s.%s had another default: it has its own again", name, c.Name),
				repair: []string{modify},
			})
		}
		position = " AFTER " + quoteName(c.Name)
	}
	return all
}

// compareExtras compares indexes or projections. Their data is derived from the columns.
func (s Server) compareExtras(table, what string, want, have map[string]string) []difference {
	alter := fmt.Sprintf("ALTER TABLE %s.%s %s ", s.Database, table, s.onCluster())
	word := strings.ToLower(what)
	var all []difference
	for _, name := range slices.Sorted(maps.Keys(want)) {
		is, ok := have[name]
		if ok && is == want[name] {
			continue
		}
		d := difference{
			text: fmt.Sprintf("%s %s of table %s is missing", word, name, table),
			done: fmt.Sprintf("%s %s of table %s was missing: it was added", word, name, table),
		}
		if ok {
			d.text, d.done = fmt.Sprintf("%s %s of table %s is another one", word, name, table),
				fmt.Sprintf("%s %s of table %s was another one: it was replaced", word, name, table)
			d.repair = append(d.repair, alter+"DROP "+what+" IF EXISTS "+quoteName(name))
		}
		add := strings.Replace(want[name], what+" ", what+" IF NOT EXISTS ", 1)
		d.repair = append(d.repair, alter+"ADD "+add, alter+"MATERIALIZE "+what+" IF EXISTS "+quoteName(name))
		all = append(all, d)
	}
	return all
}
