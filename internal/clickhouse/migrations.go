package clickhouse

import (
	"fmt"
	"hash/fnv"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"github.com/darkmap/darkmap/schemas"
)

// Migration is one numbered step, rendered for its target.
type Migration struct {
	Version    uint32
	Name       string
	Statements []Statement
}

// Statement is one statement of a step.
type Statement struct {
	// SQL is the statement. If Each is set, it contains partitionMark instead of the quoted id of a
	// partition.
	SQL string
	// Each names a table. The statement runs once for each of its active partitions. If Each is
	// empty, the statement runs once.
	Each string
}

// partitionMark replaces {{partition}} in a rendered statement.
const partitionMark = "\x00"

// For returns the statement for one partition of the table Each.
func (st Statement) For(partition string) string {
	return strings.ReplaceAll(st.SQL, partitionMark, QuoteText(partition))
}

// text returns the statement for people, with {{partition}} as in the source and without a
// password.
func (st Statement) text() string {
	return sourcePassword.ReplaceAllString(
		strings.ReplaceAll(st.SQL, partitionMark, "{{partition}}"), "PASSWORD '[HIDDEN]' QUERY")
}

// hash distinguishes the text of a statement from another text. It is not for security.
func (st Statement) hash() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(st.Each + partitionMark + st.text())) // hashing never fails
	return h.Sum64()
}

// Migrations renders all steps for s, in order: with plain engines or, if s names a cluster, with
// Replicated engines and ON CLUSTER.
func Migrations(s Server) ([]Migration, error) { return migrationsIn(schemas.ClickHouse, s) }

// migrationsIn renders the migrations of other files, clickhouse/NNNN_name.sql.
func migrationsIn(files fs.FS, s Server) ([]Migration, error) {
	names, err := fs.Glob(files, "clickhouse/*.sql")
	if err != nil {
		return nil, fmt.Errorf("listing migrations: %w", err)
	}
	all := make([]Migration, 0, len(names))
	for i, name := range names { // Glob sorts
		number, title, ok := strings.Cut(strings.TrimSuffix(path.Base(name), ".sql"), "_")
		version, err := strconv.ParseUint(number, 10, 32)
		if !ok || err != nil || version != uint64(i+1) {
			return nil, fmt.Errorf("migration %s: want the number %04d", name, i+1)
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("reading a migration: %w", err)
		}
		sql, err := s.render(string(b))
		if err != nil {
			return nil, fmt.Errorf("rendering %s: %w", name, err)
		}
		parts, err := statements(sql)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		all = append(all, Migration{uint32(version), title, parts})
	}
	return all, nil
}

func (s Server) render(text string) (string, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"database":  func() string { return s.Database },
		"cluster":   s.onCluster,
		"engine":    s.engine,
		"partition": func() string { return partitionMark },
		"lookup":    s.lookup,
	}).Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, nil); err != nil {
		return "", err
	}
	return b.String(), nil
}

func (s Server) onCluster() string {
	if s.Cluster == "" {
		return ""
	}
	return "ON CLUSTER " + s.Cluster
}

// engine returns a table engine with its arguments.
func (s Server) engine(name string, args ...string) string {
	if s.Cluster != "" {
		name = "Replicated" + name
		args = append([]string{"'/clickhouse/tables/{uuid}/{shard}'", "'{replica}'"}, args...)
	}
	if len(args) == 0 {
		return name
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// eachPartition matches the comment line before a statement that runs once for each active
// partition of a table.
var eachPartition = regexp.MustCompile(`^-- each partition of ([A-Za-z_][A-Za-z0-9_]*)$`)

// statements splits at semicolons that end a line, and omits comment lines. A comment line of the
// form eachPartition applies to the next statement.
func statements(sql string) ([]Statement, error) {
	var all []Statement
	var next Statement
	var text strings.Builder
	end := func() error {
		next.SQL = strings.TrimSpace(text.String())
		if marked := strings.Contains(next.SQL, partitionMark); marked != (next.Each != "") {
			return fmt.Errorf(
				"statement %d: a line '-- each partition of TABLE' must precede a statement with {{partition}}, "+
					"and no other statement",
				len(all)+1)
		}
		if next.SQL != "" {
			all = append(all, next)
		}
		next = Statement{}
		text.Reset()
		return nil
	}
	for line := range strings.SplitSeq(sql, "\n") {
		switch m := eachPartition.FindStringSubmatch(line); {
		case m != nil:
			next.Each = m[1]
		case strings.HasPrefix(line, "--"):
		case strings.HasSuffix(line, ";"):
			text.WriteString(strings.TrimSuffix(line, ";"))
			if err := end(); err != nil {
				return nil, err
			}
		default:
			text.WriteString(line + "\n")
		}
	}
	return all, end()
}
