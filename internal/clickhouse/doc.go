// Package clickhouse is the way to the store: clients, migrations, and the embedded server.
//
// With addresses configured it talks to a ClickHouse that others run. Without, StartEngine runs the same server out of a
// library (libchdb) in a child process: same client, protocol and SQL. The engine exists in builds with the tag `embedded`
// on platforms that have the library (internal/fetch); elsewhere StartEngine returns ErrNoEngine.
//
// The child is the running program itself, started with a hidden argument: main calls RunEngineChild before anything else
// (tests do so in TestMain). It ends when its standard input closes, so also when its parent is killed. An Engine owns two
// goroutines, one reading the child's standard error and one waiting for its end; both end with the child, and Close waits.
package clickhouse
