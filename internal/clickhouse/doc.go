// Package clickhouse provides access to the store: clients, migrations, and the embedded server.
//
// If addresses are configured, the package connects to an external ClickHouse. Otherwise
// StartEngine runs the same server from a library (libchdb) in a child process, with the same SQL
// over HTTP. The engine exists in builds with the tag `embedded` on platforms that have the library
// (internal/fetch). Elsewhere StartEngine returns ErrNoEngine.
//
// The child is the running program itself, started with a hidden argument. main calls
// RunEngineChild before anything else (tests do so in TestMain). In the child, RunEngineChild
// brings up the network namespace, if the child has one of its own, and restricts the process by
// Landlock (confine_linux.go). It then executes the program again to load the library
// (engine_linux.go). The child inherits the listening Unix socket from its parent. A relay in the
// child connects clients to the server's port (relay.go). The child ends when its standard input
// closes, and so also when its parent is killed. docs/adr/0017 gives the reasons,
// docs/threat-model.md the access to each part.
//
// An Engine owns two goroutines: supervise, which restarts the child when it ends, and one that
// waits for the child and reads its standard error. Close ends both and waits. The child runs the
// relay, with two goroutines for each connection, and a goroutine that reads standard input; they
// end with the process. Engine.mu guards the state and the present child. No code acquires another
// lock while it holds Engine.mu.
package clickhouse
