package clickhouse

import (
	"errors"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
)

// hopelessCodes are the server's codes of errors that trying again does not mend: the schema is not the one that the statement
// needs, or access is denied.
var hopelessCodes = map[proto.Error]bool{
	proto.ErrNoSuchColumnInTable: true, proto.ErrUnknownIdentifier: true, proto.ErrTypeMismatch: true, proto.ErrUnknownTable: true,
	proto.ErrSyntaxError: true, proto.ErrUnknownDatabase: true, proto.ErrAccessDenied: true, proto.ErrAuthenticationFailed: true,
	proto.ErrUnknownUser: true, proto.ErrReadonly: true, proto.ErrNotFoundColumnInBlock: true, proto.ErrThereIsNoColumn: true,
	proto.ErrNumberOfColumnsDoesntMatch: true, proto.ErrIllegalColumn: true, proto.ErrIllegalTypeOfArgument: true, proto.ErrCannotConvertType: true,
	proto.ErrDatabaseAccessDenied: true, proto.ErrRequiredPassword: true, proto.ErrWrongPassword: true, proto.ErrUnknownType: true,
}

// Code is the server's code of the exception in err; 0 where err holds none.
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

// Hopeless reports errors that waiting does not cure: a table, a column or a type is not the one that the statement needs, or
// access is denied.
func Hopeless(err error) bool { return hopelessCodes[proto.Error(Code(err))] }

// forbidden reports errors that say that the user may not do it.
func forbidden(err error) bool {
	switch proto.Error(Code(err)) {
	case proto.ErrAccessDenied, proto.ErrReadonly, proto.ErrDatabaseAccessDenied:
		return true
	default:
		return false
	}
}
