package grafana

// board is a dashboard. Its address in Grafana is /d/darkmap-NAME.
type board struct {
	name, title, description string
	from                     string // begin of the first time range, which ends now: now-24h
	variables                []variable
	annotations              []annotation
	panels                   []panel
}

// variable is a choice at the top of a board. Exactly one of sql, options and source is set.
type variable struct {
	name, label, description string
	sql                      string // one column of values, or values and their titles
	options                  string // values, separated by commas
	source                   string // id of a plugin; the values are its data sources
	// all, several and free allow: the value "all", several values, a typed value.
	all, several, free bool
	hidden             bool
}

// annotation marks spans of time in the panels of a board. The columns of sql are time, timeEnd,
// text, tags.
type annotation struct{ name, colour, sql string }

// kind is how a panel shows its answer.
type kind string

// Kinds of panels: numbers, a line for each series over time, bars over time, a table, a map of
// countries.
const (
	numbers  kind = "stat"
	lines    kind = "lines"
	bars     kind = "bars"
	rows     kind = "table"
	worldMap kind = "map"
)

// panel is one picture of a board.
type panel struct {
	title, description string
	kind               kind
	width, height      uint32 // on Grafana's grid, which is 24 wide
	unit               string // Grafana's name of the unit of columns without a unit
	empty              string // text if the answer has no rows
	interval           string // least step of time, such as 1m
	red                float64
	sql                string   // a query to the store
	columns            []column // how columns of the answer are shown
	series             []metric // queries to Prometheus, instead of sql
}

// column is how a column of an answer is shown.
type column struct {
	name, title, unit string
	width             float64
	hidden            bool
	links             []link
}

// link leads from a value to another board.
type link struct{ title, url string }

// metric is a query to Prometheus and the name of its series.
type metric struct{ expr, legend string }

// boards returns all boards, in the order of their menu.
func boards() []board {
	return []board{world(), country(), as(), prefix(), outage(), watch(), feeds(), pipeline()}
}
