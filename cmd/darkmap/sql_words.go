package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// sources matches the privileges on sources outside the store.
var sources = regexp.MustCompile(`\b(READ|WRITE|SOURCES?|FILE|URL|REMOTE|S3|AZURE|HDFS|MYSQL|POSTGRES|` +
	`MONGO|ODBC|JDBC|SQLITE|REDIS|HIVE|KAFKA|NATS|RABBITMQ|ARROW_FLIGHT|EXECUTABLE)\b( ON|, |\(|$)`)

// inWords adds to a refusal of the server its meaning in darkmap and advice. It returns other
// errors unchanged. write means that the statement ran as the user who may change the store.
func inWords(err error, write bool) error {
	e, ok := errors.AsType[*clickhouse.QueryError](err)
	if !ok {
		return err
	}
	words := ""
	switch proto.Error(e.Code) {
	case proto.ErrAccessDenied, proto.ErrReadonly:
		words = denied(e.Message, write)
	case proto.ErrSettingConstraintViolation:
		words = "a setting of the statement is beyond what a reader may set: leave it out, or lower it"
		if !write {
			words += ", or use --write"
		}
	case proto.ErrTimeoutExceeded, proto.ErrTooManyRows, proto.ErrMemoryLimitExceeded,
		proto.ErrTooManyRowsOrBytes, proto.ErrQuotaExceeded, proto.ErrTooManySimultaneousQueries:
		if !write {
			words = "the statement is beyond the limits of a reader: ask for less, or use --write"
		}
	default:
		if isFileRefusal(e.Message) {
			words = "the store has no access to files outside of its own folder"
		}
	}
	if words == "" {
		return err
	}
	return fmt.Errorf("%s: %w", words, err)
}

// denied names the privilege that a statement is missing.
func denied(message string, write bool) string {
	_, grant, _ := strings.Cut(message, "grant ")
	switch {
	case sources.MatchString(grant):
		return "statements have no access to files, other servers and programs, also not with --write"
	case strings.Contains(grant, " ON system.") || strings.Contains(grant, " ON information_schema.") ||
		strings.Contains(grant, " ON INFORMATION_SCHEMA."):
		if write {
			return "this is closed to statements"
		}
		return "the server's own tables are closed to a reader: use --write"
	case write:
		return "the user who may change the store may not do this"
	}
	return "sql reads only, unless it is told to write: use --write for what changes the store"
}

// isFileRefusal reports whether the message is a kernel's error on a file that the engine must not
// open.
func isFileRefusal(message string) bool {
	return strings.Contains(message, "Permission denied") && strings.Contains(message, "errno: 13")
}
