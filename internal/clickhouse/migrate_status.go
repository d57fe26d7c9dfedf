package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// StepStatus is the status of one step.
type StepStatus struct {
	Version uint32
	Name    string
	// Done reports whether the whole step was completed, at At by Program. Program is empty if an
	// older version completed it, which recorded no program.
	Done    bool
	At      time.Time
	Program string
	// Passed and Statements count completed statements and all statements. A statement that runs
	// for each partition is completed when it has run for every partition.
	Passed, Statements int
	// Copied and Partitions count the partitions of the statements that run for each partition:
	// those completed, and all.
	Copied, Partitions int
}

// Begun reports whether the step was interrupted, or another process runs it now.
func (s StepStatus) Begun() bool { return !s.Done && (s.Passed > 0 || s.Copied > 0) }

// Status is the state of a database's schema, compared with this program's schema.
type Status struct {
	Steps []StepStatus
	// Differences describes the differences beside the steps, and their remedies, in one sentence
	// each.
	Differences []string
	// Retention describes the tables that keep rows for another time than configured, in one
	// sentence each.
	Retention []string
	// Holder describes the process that changes the schema now. It is empty if there is none.
	Holder string
}

// Status returns the status of the schema. It changes nothing, but it makes a scratch database for
// the comparison and drops it.
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

// differencesAt returns the differences to the schema after the completed steps. In the middle of a
// step it returns none.
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
	if int(step.Version) <= st.done { // a later step is recorded
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

// left lists the partitions for which statement i of a step has not completed, and counts all
// partitions. A statement that runs once has one partition without an id.
func (r *migration) left(
	ctx context.Context, st schemaState, step Migration, i int,
) (left []partition, all int, err error) {
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

// Plan returns the SQL that Migrate would run now, with comments. It changes nothing, except as
// Status does. The text holds no password. Its counts of rows to copy come from the tables as they
// are: it does not count rows of a table that an earlier statement makes or renames.
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

// planned returns the comment before a statement of a plan. It is empty if the statement has
// completed.
func (r *migration) planned(
	ctx context.Context, st schemaState, step Migration, i int, renamed map[string]string,
) (string, error) {
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
	if old := renamed[from]; all == 0 && old != "" { // the table still has its old name
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
	return fmt.Sprintf(
		"-- statement %d, once for each partition of %s: %d of %d partitions and %d rows are left to copy\n",
		i+1, from, len(left), all, rows), nil
}

// withoutPassword hides the password of the migrating user.
func (r *migration) withoutPassword(statement string) string {
	if r.server.Password == "" {
		return statement
	}
	return strings.ReplaceAll(statement, QuoteText(r.server.Password), "'[HIDDEN]'")
}

// tableOf returns the name without the database.
func tableOf(name string) string {
	_, table, _ := strings.Cut(name, ".")
	return table
}
