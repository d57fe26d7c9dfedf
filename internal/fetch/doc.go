// Package fetch fetches the parts that darkmap needs but does not contain: the embedded ClickHouse
// and the default geography.
//
// Everything comes from npm, pinned by version and SHA-256 in one table (items.go), through the
// machine's own npm and its configuration. It is kept in a cache folder that all data directories
// share and is never fetched again, so that everything works offline afterwards. The package keeps
// no state; several processes may fetch the same item at once.
package fetch
