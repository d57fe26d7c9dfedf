package clickhouse

import (
	"os"
	"strings"
	"sync/atomic"
)

// engineArg makes the program an engine.
const engineArg = "clickhouse-engine"

// asked tells that this program asks whether it is an engine: one that does not must not start
// itself, as its child would not know its role and do all over again what the parent does.
var asked atomic.Bool

// The program is started as an engine twice: first with one of these words, to close itself in,
// then by itself with its ports, that for HTTP and that for the native protocol, which is 0 for
// none.
const (
	ownArg    = "own"    // it is in a network namespace of its own
	sharedArg = "shared" // it is in that of its parent; the native port follows
)

// exitNoNetwork says that the child cannot use its network.
const exitNoNetwork = 70

// socketFD is the descriptor of the listening socket in the child.
const socketFD = 3

// RunEngineChild runs the engine if args (os.Args) ask for it; then handled is true and the program
// must end with the code. main calls it before anything else, on the main goroutine.
func RunEngineChild(args []string) (code int, handled bool) {
	asked.Store(true)
	if len(args) != 5 || args[1] != engineArg {
		return 0, false
	}
	library, dir, how := args[2], args[3], args[4]
	if native, shared := strings.CutPrefix(how, sharedArg); shared || how == ownArg {
		return confineEngine(library, dir, how == ownArg, native, os.Stderr), true
	}
	port, native, _ := strings.Cut(how, "/")
	return runEngine(library, dir, port, native, os.Stdin, os.Stderr), true
}
