package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/sqlshell"
)

// printConnection prints how other programs connect to the store. It names the places of passwords
// and prints no password.
func (g *globals) printConnection() error {
	cfg, err := g.configuration()
	if err != nil {
		return err
	}
	path, err := datadir.Path(g.DataDir)
	if err != nil {
		return err
	}
	running, err := datadir.ReadRun(path)
	if err != nil {
		return err
	}
	var text []string
	switch {
	case running != nil && running.ClickHouse != nil && running.ClickHouse.Embedded:
		text = embeddedConnection(filepath.Join(path, "run.json"), running)
	case running != nil && running.ClickHouse != nil:
		text = configuredConnection(*running.ClickHouse, cfg.ClickHouse)
	case !cfg.ClickHouse.Embedded():
		server, err := cfg.ClickHouse.Server()
		if err != nil {
			return usageError(err)
		}
		text = configuredConnection(server, cfg.ClickHouse)
	default:
		found, err := datadir.HasStore(path)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("%w %s", datadir.ErrNothing, path)
		}
		text = []string{
			"The embedded ClickHouse in " + path + " does not run: `" + g.command("up") +
				"` starts it, and `" + g.command("sql") + "` reads it without that.",
		}
	}
	_, err = fmt.Fprintln(g.stdout, strings.Join(text, "\n"))
	return err
}

// embeddedConnection returns the text on how to reach the embedded engine of the running instance.
func embeddedConnection(runFile string, running *datadir.Run) []string {
	s := running.ClickHouse
	text := []string{
		fmt.Sprintf(
			"The embedded ClickHouse of darkmap %s (process %d), database %s.",
			running.Command, running.PID, s.Database,
		), "",
	}
	if s.Door != nil {
		text = append(text,
			"Programs on this machine that only read:",
			"  address   http://"+s.Door.Address+" (HTTP interface)",
			"  user      "+s.Door.User,
			"  password  "+whereSecret(config.Secret{File: s.Door.PasswordFile, Env: s.Door.PasswordEnv}), "")
		text = append(append(text, sqlshell.Recipes(*s.Door, s.Database)...), "")
	} else {
		text = append(text,
			"Programs that need an address and a password, such as Grafana, notebooks and clients "+
				"in Python and Go, come in through a door.",
			"Make a password, and start darkmap up with the door; this then says how clients use it:",
			"  (umask 077; head -c 24 /dev/urandom | base64 > PASSWORD-FILE)",
			"  --set 'clickhouse.door={listen: 127.0.0.1:8123, user: reader, password: {file: PASSWORD-FILE}}'", "")
	}
	if s.Reader == nil {
		return text
	}
	run := shellWord(runFile)
	return append(text,
		"Programs of the same user can use the engine's socket, with the key and the password of "+runFile+":",
		"  curl --unix-socket "+shellWord(s.Socket)+" http://embedded/ \\",
		`    -H "X-Darkmap-Key: $(jq -r .clickhouse.key `+run+`)" \`,
		`    -H "X-ClickHouse-User: `+s.Reader.User+
			`" -H "X-ClickHouse-Key: $(jq -r .clickhouse.reader.password `+run+`)" \`,
		"    --data-binary 'SELECT count() FROM "+s.Database+".outages'",
		"They change with every start.")
}

// configuredConnection returns the text on how to reach the configured server.
func configuredConnection(s clickhouse.Server, cfg clickhouse.Config) []string {
	scheme, secure := "http", ""
	if s.TLS {
		scheme, secure = "https", ", TLS"
	}
	text := []string{
		"The ClickHouse of the configuration, database " + s.Database + ".", "",
		"  native    " + strings.Join(s.Addresses, ", ") + secure,
		"  HTTP      " + scheme + "://" + s.HTTPAddress,
		"  writer    " + s.User + ", password " + whereSecret(cfg.Password),
	}
	if s.Reader != nil {
		return append(text, "  reader    "+s.Reader.User+", password "+whereSecret(cfg.Reader.Password))
	}
	return append(text,
		"  reader    none (clickhouse.reader): darkmap sql reads as "+s.User+" with readonly = 2")
}

// whereSecret names the file or the environment variable of a secret.
func whereSecret(s config.Secret) string {
	switch {
	case s.File != "":
		return "in the file " + s.File
	case s.Env != "":
		return "in the environment variable " + s.Env
	}
	return "none"
}
