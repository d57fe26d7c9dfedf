package sqlshell

import (
	"crypto/rand"
	"slices"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// Session makes SET, USE and temporary tables hold for the statements after them: from the first of those on, the server is told of a
// session. The zero value is a new one. It is not safe for concurrent use.
type Session struct {
	id string
	// held is set when the server has the session.
	held bool
	// used is set when USE chose another database.
	used bool
}

// sessionSeconds is for how long the server keeps a session that is not used: the most that it allows.
const sessionSeconds = "3600"

// Prepare names the session in a statement, where there is one or the statement begins one.
func (s *Session) Prepare(q *clickhouse.Query) {
	if s.id == "" && begins(q.SQL) {
		s.id = rand.Text()
	}
	if s.id == "" {
		return
	}
	if q.Settings == nil {
		q.Settings = map[string]string{}
	}
	q.Settings["session_id"], q.Settings["session_timeout"] = s.id, sessionSeconds
	if s.held {
		q.Settings["session_check"] = "1" // an error where the server has forgotten it
	}
	if s.used {
		q.Database = ""
	}
}

// Ran notes a statement that succeeded.
func (s *Session) Ran(sql string) {
	s.held = s.held || s.id != ""
	s.used = s.used || s.id != "" && slices.Equal(words(sql, 1), []string{"USE"})
}

// Forget begins a new one: the server has lost it.
func (s *Session) Forget() { *s = Session{} }

// begins reports whether a statement changes what holds for those after it.
func begins(sql string) bool {
	first := words(sql, 2)
	return len(first) > 0 && (first[0] == "SET" || first[0] == "USE") || slices.Equal(first, []string{"CREATE", "TEMPORARY"})
}
