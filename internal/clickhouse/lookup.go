package clickhouse

import "regexp"

// lookupUser is the embedded engine's user that dictionaries read their tables as. It has no password and may read the tables lookup_* alone.
const lookupUser = "lookup"

// A dictionary reads a table of its own server as a user, whom its statement names. sourceLogin is that part of a statement, and
// sourcePassword the end of it.
var (
	sourceLogin    = regexp.MustCompile(`CLICKHOUSE\(HOST '127.0.0.1' (?:USER '(?:[^'\\]|\\.)*' )?(?:PASSWORD '(?:[^'\\]|\\.)*' )?QUERY`)
	sourcePassword = regexp.MustCompile(`PASSWORD '(?:[^'\\]|\\.)*' QUERY`)
)

// lookup is how the source of a dictionary names the user that reads: on a configured server it is the one that migrates.
func (s Server) lookup() string {
	user, password := s.User, s.Password
	if s.Embedded {
		user, password = lookupUser, ""
	}
	text := "HOST '127.0.0.1' " // itself, and no name that has to be looked up
	if user != "" {
		text += "USER " + QuoteText(user) + " "
	}
	if password != "" {
		text += "PASSWORD " + QuoteText(password) + " "
	}
	return text
}

// withLogin sets the login in a statement that makes a dictionary: ClickHouse shows a password as [HIDDEN].
func (s Server) withLogin(statement string) string {
	return sourceLogin.ReplaceAllLiteralString(statement, "CLICKHOUSE("+s.lookup()+"QUERY")
}
