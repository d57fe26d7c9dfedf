package clickhouse

import (
	"os"
	"strings"
	"sync/atomic"
)

// engineArg is the argument that makes the program an engine.
const engineArg = "clickhouse-engine"

// asked reports that this program called RunEngineChild. A program that does not call it must not
// start itself: its child would not know its role and would repeat the work of the parent.
var asked atomic.Bool

// The program is started as an engine twice. First it gets one of these words and restricts itself.
// Then it starts itself with its ports: the port for HTTP and the port for the native protocol,
// which is 0 for none.
const (
	ownArg    = "own"    // in a network namespace of its own
	sharedArg = "shared" // in the parent's network namespace; the native port follows
)

// exitNoNetwork is the exit code of a child that cannot use its network.
const exitNoNetwork = 70

// socketFD is the descriptor of the listening socket in the child.
const socketFD = 3

// RunEngineChild runs the engine if args (os.Args) request it. Then handled is true and the program
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
