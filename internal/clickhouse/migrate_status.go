package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// StepStatus is how far one step is.
type StepStatus struct {
	Version uint32
	Name    string
	// Done is set when the whole step was taken, at At by Program; Program is empty where an older one kept no record.
	Done    bool
	At      time.Time
	Program string
	// Passed and Statements count statements; a statement that runs for each partition has passed when it has for each.
	Passed, Statements int
	// Copied and Partitions count the partitions of the statements that run for each.
	Copied, Partitions int
}

// Begun reports whether the step was interrupted, or another process takes it now.
func (s StepStatus) Begun() bool { return !s.Done && (s.Passed > 0 || s.Copied > 0) }

// Status is what a database says of its schema, compared with this program's.
type Status struct {
	Steps []StepStatus
	// Differences says, a sentence each, what is missing or different beside the steps, and what is to be done about it.
	Differences []string
	// Retention says, a sentence each, which tables keep rows for another time than is configured.
	Retention []string
	// Holder says who changes the schema now; empty: nobody.
	Holder string
}

// Status changes nothing but that it makes a scratch database to compare with, and drops it.
func (m Migrator) Status(ctx context.Context) (Status, error) {
	var status Status
	r, err := m.open(ctx)
	if err != nil {
		return status, err
	}
	defer r.close()
	st, err := r.state(ctx)
	if err != nil {
		return status, err
	}
	for _, step := range r.steps {
		is, err := r.stepStatus(ctx, st, step)
		if err != nil {
			return status, err
		}
		status.Steps = append(status.Steps, is)
	}
	differences, err := r.differencesAt(ctx, st)
	if err != nil {
		return status, err
	}
	for _, d := range differences {
		what := "migrate mends it"
		if len(d.repair) == 0 {
			what = d.todo
		}
		status.Differences = append(status.Differences, d.text+": "+what)
	}
	changes, err := r.retention(ctx)
	if err != nil {
		return status, err
	}
	for _, c := range changes {
		status.Retention = append(status.Retention, c.differs+": migrate changes that")
	}
	newest, err := r.server.newestClaim(ctx, r.conn)
	if err == nil && newest.Held && !newest.abandoned() {
		status.Holder = newest.Owner
	}
	if missing(err) {
		err = nil
	}
	return status, err
}

// differencesAt are the differences to the schema after the steps that were taken; none in the midst of a step.
func (r *migration) differencesAt(ctx context.Context, st schemaState) ([]difference, error) {
	for k := range st.passed {
		if int(k.version) > st.done {
			return nil, nil
		}
	}
	return r.differences(ctx, st.done)
}

func (r *migration) stepStatus(ctx context.Context, st schemaState, step Migration) (StepStatus, error) {
	is := StepStatus{Version: step.Version, Name: step.Name, Statements: len(step.Statements)}
	if taken, ok := st.taken[step.Version]; ok && int(step.Version) <= st.done {
		is.Done, is.At, is.Program, is.Passed = true, taken.at, taken.program, is.Statements
		return is, nil
	}
	if int(step.Version) <= st.done { // a later one is recorded
		is.Done, is.Passed = true, is.Statements
		return is, nil
	}
	for i, statement := range step.Statements {
		left, all, err := r.left(ctx, st, step, i)
		if err != nil {
			return is, err
		}
		if statement.Each != "" {
			is.Partitions += all
			is.Copied += all - len(left)
		}
		if len(left) == 0 && (statement.Each == "" || all > 0 && is.Begun()) {
			is.Passed++
		}
	}
	return is, nil
}

// left lists the partitions for which statement i of a step has not passed, of all that there are; a statement that runs once has one
// without an id.
func (r *migration) left(ctx context.Context, st schemaState, step Migration, i int) (left []partition, all int, err error) {
	statement := step.Statements[i]
	partitions := []partition{{}}
	if statement.Each != "" {
		if partitions, err = r.server.partitions(ctx, r.conn, statement.Each); err != nil {
			return nil, 0, err
		}
	}
	for _, p := range partitions {
		if !st.passed.has(progressKey{step.Version, uint32(i + 1), p.id}, statement) {
			left = append(left, p)
		}
	}
	return left, len(partitions), nil
}

// Plan returns the SQL that Migrate would run now, with comments, and changes nothing but as Status does. It holds no password. What
// a step copies is counted in the tables as they are: a table that an earlier statement makes or renames is not counted.
func (m Migrator) Plan(ctx context.Context) (string, error) {
	r, err := m.open(ctx)
	if err != nil {
		return "", err
	}
	defer r.close()
	st, err := r.state(ctx)
	if err != nil {
		return "", err
	}
	shown := m.Server
	shown.Password = ""
	steps, err := migrationsIn(r.files, shown)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	renamed := map[string]string{} // new name -> old name
	for n, step := range steps[st.done:] {
		fmt.Fprintf(&b, "-- step %04d_%s\n", step.Version, step.Name)
		for i, statement := range step.Statements {
			if m := renames.FindStringSubmatch(statement.SQL); m != nil {
				renamed[tableOf(m[2])] = tableOf(m[1])
			}
			comment, err := r.planned(ctx, st, r.steps[st.done+n], i, renamed)
			if err != nil {
				return "", err
			}
			if comment != "" {
				fmt.Fprintf(&b, "%s%s;\n\n", comment, statement.text())
			}
		}
	}
	differences, err := r.differencesAt(ctx, st)
	if err != nil {
		return "", err
	}
	for _, d := range differences {
		fmt.Fprintf(&b, "-- %s\n", d.text)
		for _, statement := range d.repair {
			fmt.Fprintf(&b, "%s;\n\n", r.withoutPassword(statement))
		}
		if len(d.repair) == 0 {
			fmt.Fprintf(&b, "-- this is not mended: %s\n\n", d.todo)
		}
	}
	changes, err := r.retention(ctx)
	for _, c := range changes {
		fmt.Fprintf(&b, "-- %s\n%s;\n\n", c.differs, strings.Join(c.statements, ";\n"))
	}
	return b.String(), err
}

// planned is the comment before a statement of a plan; empty where the statement has passed.
func (r *migration) planned(ctx context.Context, st schemaState, step Migration, i int, renamed map[string]string) (string, error) {
	statement := step.Statements[i]
	left, all, err := r.left(ctx, st, step, i)
	if err != nil {
		return "", err
	}
	if statement.Each == "" {
		if len(left) == 0 {
			return "", nil
		}
		return fmt.Sprintf("-- statement %d\n", i+1), nil
	}
	from := statement.Each
	if old := renamed[from]; all == 0 && old != "" { // it has its old name still
		if left, err = r.server.partitions(ctx, r.conn, old); err != nil {
			return "", err
		}
		all, from = len(left), old
	}
	if all > 0 && len(left) == 0 {
		return "", nil
	}
	var rows uint64
	for _, p := range left {
		rows += p.rows
	}
	return fmt.Sprintf("-- statement %d, once for each partition of %s: %d of %d partitions and %d rows are left to copy\n", i+1, from, len(left), all, rows), nil
}

// withoutPassword hides the password of the user that migrates.
func (r *migration) withoutPassword(statement string) string {
	if r.server.Password == "" {
		return statement
	}
	return strings.ReplaceAll(statement, QuoteText(r.server.Password), "'[HIDDEN]'")
}

// tableOf is the name without the database.
func tableOf(name string) string {
	_, table, _ := strings.Cut(name, ".")
	return table
}
