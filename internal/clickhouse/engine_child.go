package clickhouse

import (
	"os"
	"sync/atomic"
)

// engineArg makes the program an engine.
const engineArg = "clickhouse-engine"

// asked tells that this program asks whether it is an engine: one that does not must not start itself, as its child would not
// know its role and do all over again what the parent does.
var asked atomic.Bool

// RunEngineChild runs the engine if args (os.Args) ask for it; then handled is true and the program must end with the code.
// main calls it before anything else, on the main goroutine.
func RunEngineChild(args []string) (code int, handled bool) {
	asked.Store(true)
	if len(args) != 4 || args[1] != engineArg {
		return 0, false
	}
	return runEngine(args[2], args[3], os.Stdin, os.Stderr), true
}
