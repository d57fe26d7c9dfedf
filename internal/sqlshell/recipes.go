package sqlshell

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// Recipes returns lines to paste for reading the store through its door with three clients: curl,
// clickhouse-connect (Python) and clickhouse-go. They read the password from the file or the
// environment variable that holds it.
func Recipes(door clickhouse.DoorAddress, database string) []string {
	host, port, err := net.SplitHostPort(door.Address)
	if err != nil {
		host, port = door.Address, "8123"
	}
	inShell, inPython := `"$(head -n 1 `+shellWord(door.PasswordFile)+`)"`,
		"open("+pythonText(door.PasswordFile)+").readline().rstrip('\\n')"
	inGo := []string{
		"line, err := os.ReadFile(" + strconv.Quote(door.PasswordFile) + ")",
		`password, _, _ := strings.Cut(string(line), "\n")`,
	}
	imports, python := `"os", "strings"`, ""
	if door.PasswordFile == "" {
		inShell, inPython = `"$`+door.PasswordEnv+`"`, "os.environ["+pythonText(door.PasswordEnv)+"]"
		inGo = []string{"password := os.Getenv(" + strconv.Quote(door.PasswordEnv) + ")"}
		imports, python = `"os"`, "import os\n"
	}
	var lines []string
	for _, line := range inGo {
		lines = append(lines, "    "+line)
	}
	text := fmt.Sprintf(`Shell (bash, zsh):
    curl --silent --show-error --config <(printf 'user = "%%s:%%s"\n' %s %s) http://%s/`+
		` --data-binary 'SELECT count() FROM %s.outages'

Python (pip install clickhouse-connect):
    %simport clickhouse_connect
    client = clickhouse_connect.get_client(host=%s, port=%s, username=%s, database=%s,
        password=%s)
    print(client.query('SELECT count() FROM outages').result_rows)

Go (github.com/ClickHouse/clickhouse-go/v2, and %s):
%s
    conn, err := clickhouse.Open(&clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{%q},
        Auth: clickhouse.Auth{Database: %q, Username: %q, Password: password}})
    err = conn.QueryRow(context.Background(), "SELECT count() FROM outages").Scan(&count) // uint64`,
		shellWord(door.User), inShell, door.Address, database,
		strings.ReplaceAll(python, "\n", "\n    "), pythonText(host), port, pythonText(door.User),
		pythonText(database), inPython,
		imports, strings.Join(lines, "\n"), door.Address, database, door.User)
	return strings.Split(text, "\n")
}

// shellWord quotes a word for a shell.
func shellWord(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// pythonText quotes a text for Python.
func pythonText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
