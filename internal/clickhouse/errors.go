package clickhouse

import (
	"errors"
	"net"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/darkmap/darkmap/internal/neterror"
)

// hopelessCodes holds the server's codes of errors that a retry does not resolve: the schema does
// not fit the statement, or access is denied.
var hopelessCodes = map[proto.Error]bool{
	proto.ErrNoSuchColumnInTable: true, proto.ErrUnknownIdentifier: true, proto.ErrTypeMismatch: true,
	proto.ErrUnknownTable: true, proto.ErrSyntaxError: true, proto.ErrUnknownDatabase: true,
	proto.ErrAccessDenied: true, proto.ErrAuthenticationFailed: true, proto.ErrUnknownUser: true,
	proto.ErrReadonly: true, proto.ErrNotFoundColumnInBlock: true, proto.ErrThereIsNoColumn: true,
	proto.ErrNumberOfColumnsDoesntMatch: true, proto.ErrIllegalColumn: true,
	proto.ErrIllegalTypeOfArgument: true, proto.ErrCannotConvertType: true,
	proto.ErrDatabaseAccessDenied: true, proto.ErrRequiredPassword: true, proto.ErrWrongPassword: true,
	proto.ErrUnknownType: true,
}

// Code returns the server's code of the exception in err, or 0 if err holds none.
func Code(err error) int {
	if e, ok := errors.AsType[*ch.Exception](err); ok {
		return int(e.Code)
	}
	if e, ok := errors.AsType[*clickhouse.Exception](err); ok {
		return int(e.Code)
	}
	if e, ok := errors.AsType[*QueryError](err); ok {
		return e.Code
	}
	return 0
}

// Hopeless reports whether err is an error that waiting does not resolve: a table, a column or a
// type does not fit the statement, or access is denied.
func Hopeless(err error) bool { return hopelessCodes[proto.Error(Code(err))] }

// Unreachable reports whether err means that no server answered, or that the connection broke. The
// server may be there again later. The end of the caller's context is no such error.
func Unreachable(err error) bool {
	if Code(err) != 0 {
		return false
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	return neterror.Closed(err)
}

// forbidden reports whether err means that the user has no right to the statement.
func forbidden(err error) bool {
	switch proto.Error(Code(err)) {
	case proto.ErrAccessDenied, proto.ErrReadonly, proto.ErrDatabaseAccessDenied:
		return true
	default:
		return false
	}
}
