package sqlshell

import (
	"crypto/rand"
	"slices"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// Session keeps SET, USE and temporary tables for the statements after them: from the first such
// statement on, queries carry a session id. The zero value is a new session. It is not safe for
// concurrent use.
type Session struct {
	id string
	// held is set once the server holds the session.
	held bool
	// used is set once USE has chosen another database.
	used bool
}

// sessionSeconds is the time for which the server keeps an unused session: the maximum it allows.
const sessionSeconds = "3600"

// Prepare adds the session id to a statement if there is a session or the statement starts one.
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
		q.Settings["session_check"] = "1" // the server returns an error if it lost the session
	}
	if s.used {
		q.Database = ""
	}
}

// Ran records a statement that succeeded.
func (s *Session) Ran(sql string) {
	s.held = s.held || s.id != ""
	s.used = s.used || s.id != "" && slices.Equal(words(sql, 1), []string{"USE"})
}

// Forget starts a new session. It is called when the server has lost this one.
func (s *Session) Forget() { *s = Session{} }

// begins reports whether a statement starts a session: whether it affects the statements after it.
func begins(sql string) bool {
	first := words(sql, 2)
	return len(first) > 0 && (first[0] == "SET" || first[0] == "USE") ||
		slices.Equal(first, []string{"CREATE", "TEMPORARY"})
}
