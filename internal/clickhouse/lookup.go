package clickhouse

import "regexp"

// lookupUser is the embedded engine's user for dictionaries. They read their tables as this user.
// It has no password and may read only the tables lookup_*.
const lookupUser = "lookup"

// A dictionary reads a table of its own server as a user, whose login is in the dictionary's
// statement. sourceLogin matches the login, sourcePassword the password and the word behind it.
var (
	sourceLogin = regexp.MustCompile(
		`CLICKHOUSE\(HOST '127.0.0.1' (?:USER '(?:[^'\\]|\\.)*' )?(?:PASSWORD '(?:[^'\\]|\\.)*' )?QUERY`)
	sourcePassword = regexp.MustCompile(`PASSWORD '(?:[^'\\]|\\.)*' QUERY`)
)

// lookup returns the login in the source of a dictionary. On an external server it is that of the
// user who migrates.
func (s Server) lookup() string {
	user, password := s.User, s.Password
	if s.Embedded {
		user, password = lookupUser, ""
	}
	text := "HOST '127.0.0.1' " // the server itself, by an address that needs no resolution
	if user != "" {
		text += "USER " + QuoteText(user) + " "
	}
	if password != "" {
		text += "PASSWORD " + QuoteText(password) + " "
	}
	return text
}

// withLogin inserts the login into a statement that makes a dictionary, because ClickHouse shows a
// password as [HIDDEN].
func (s Server) withLogin(statement string) string {
	return sourceLogin.ReplaceAllLiteralString(statement, "CLICKHOUSE("+s.lookup()+"QUERY")
}
