package clickhouse_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// throughObjects asserts that no dictionary and no table that the user makes reads or writes a
// file, a program, another server or tables that are closed to the user. The server permits making
// some of them, but rejects their use.
func throughObjects(t *testing.T, server clickhouse.Server, secret string) {
	t.Helper()
	var asked atomic.Int64
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte("1\tSECRET\n"))
	}))
	defer site.Close()
	host, port, _ := strings.Cut(strings.TrimPrefix(site.URL, "http://"), ":")
	refused := func(uses ...string) {
		t.Helper()
		for _, sql := range uses {
			if got, err := answer(t, server, sql); err == nil {
				t.Errorf("%s: %s: got %q, want a refusal", server.User, sql, got)
			}
		}
	}
	for name, source := range map[string]string{
		"file":       "FILE(path '" + secret + "' format 'TSV')",
		"http":       "HTTP(url '" + site.URL + "/' format 'TSV')",
		"executable": "EXECUTABLE(command 'cat " + secret + "' format 'TSV')",
		"remote":     "CLICKHOUSE(HOST '" + host + "' PORT " + port + " USER 'default' DB 'system' TABLE 'one')",
		"redis":      "REDIS(HOST '" + host + "' PORT " + port + ")",
		"default":    "CLICKHOUSE(HOST '127.0.0.1' USER 'default' DB 'system' QUERY 'SELECT 1, name FROM system.users')",
		"lookup":     "CLICKHOUSE(HOST '127.0.0.1' USER 'lookup' QUERY 'SELECT 1, name FROM system.users')",
	} {
		name = "darkmap.from_" + name
		if _, err := answer(t, server, "CREATE DICTIONARY "+name+" (id UInt64, text String) PRIMARY KEY id SOURCE("+source+") LAYOUT(FLAT()) LIFETIME(0) SETTINGS(http_max_tries = 1)"); err == nil {
			refused("SELECT dictGet('"+name+"', 'text', toUInt64(1))", "SELECT * FROM "+name)
		}
	}
	const once = " SETTINGS http_max_tries = 1"
	for name, engine := range map[string]string{"file": "File(TSV, '" + secret + "')", "new": "File(TSV, '" + secret + ".tsv')", "url": "URL('" + site.URL + "/', 'TSV')"} {
		name = "darkmap.in_" + name
		if _, err := answer(t, server, "CREATE TABLE "+name+" (id UInt64, text String) ENGINE = "+engine); err == nil {
			refused("SELECT * FROM "+name+once, "INSERT INTO "+name+once+" VALUES (2, 'x')")
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%s: another server was asked %d times", server.User, n)
	}
}
