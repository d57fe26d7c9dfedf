// Package clickhouse is the way to the store: clients, migrations, and the embedded server.
//
// With addresses configured it talks to a ClickHouse that others run. Without, StartEngine runs the
// same server out of a library (libchdb) in a child process: same SQL, over HTTP. The engine exists
// in builds with the tag `embedded` on platforms that have the library (internal/fetch); elsewhere
// StartEngine returns ErrNoEngine.
//
// The child is the running program itself, started with a hidden argument: main calls
// RunEngineChild before anything else (tests do so in TestMain). Started so, it brings up the
// network namespace that it was given, if any, restricts itself by Landlock (confine_linux.go), and
// execs itself again to load the library (engine_linux.go). It inherits the listening Unix socket
// from its parent; a relay in it connects clients to the server's port (relay.go). It ends when its
// standard input closes, so also when its parent is killed. docs/adr/0017 says why,
// docs/threat-model.md who may reach what.
//
// An Engine owns two goroutines: supervise, which starts the child again when it ends, and one that
// waits for the child and reads its standard error. Close ends both and waits. In the child: the
// relay with two goroutines for each connection, and one that reads standard input; they end with
// the process. Engine.mu guards the state and the present child; no other lock is taken while it is
// held.
package clickhouse
