//go:build embedded && linux && amd64

package clickhouse

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"unsafe"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"
)

// checkPlatform reports an unsuitable processor. The library would end the process with a signal
// later.
func checkPlatform() error {
	if !cpu.X86.HasAVX2 || !cpu.X86.HasBMI2 || !cpu.X86.HasFMA {
		return errors.New(
			"the embedded ClickHouse needs a processor with AVX2 (x86-64-v3): configure clickhouse.addresses")
	}
	return nil
}

// lockFile locks the file until it is closed or the process ends. It returns ErrInUse if another
// process holds the lock.
func lockFile(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // our own file
	if err != nil {
		return nil, fmt.Errorf("opening the lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, fmt.Errorf("locking: %w", err)
	}
	return lockedFile{f}, nil
}

// lockedFile is a file with a lock on it.
type lockedFile struct{ *os.File }

// Close unlocks the file explicitly. Closing it would not suffice, because a child that is just
// being forked has the file open too.
func (f lockedFile) Close() error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.File.Close())
}

// engineEnv returns the child's environment. It contains none of our variables that could change
// the server, because a reader can see all of it. The time zone is UTC, as everywhere else: the
// server reads and shows now() and the times in statements in UTC.
func engineEnv() []string {
	env := []string{"GOTRACEBACK=single", "GOMAXPROCS=2", "TZ=UTC"}
	for _, name := range []string{"LANG", "LD_LIBRARY_PATH"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// runEngine loads the library and runs the server on the ports until it ends or stdin closes.
func runEngine(library, dir, port, native string, stdin io.Reader, stderr io.Writer) int {
	runtime.LockOSThread()
	name := []byte("darkmap-engine\x00") // instead of exe; only for people
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0)
	handlers, err := saveHandlers()
	if err != nil {
		fmt.Fprintln(stderr, "reading signal handlers:", err)
		return 1
	}
	if library == "" {
		fmt.Fprintln(stderr, "no library named") // dlopen("") would load this program itself
		return 1
	}
	lib, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		fmt.Fprintf(stderr, "loading the library (it needs glibc): %v\n", err)
		return 1
	}
	run, err := purego.Dlsym(lib, "chdb_query_cmdline")
	if err != nil {
		fmt.Fprintf(stderr, "the library is not the right one: %v\n", err)
		return 1
	}
	resultError, err := purego.Dlsym(lib, "chdb_result_error")
	if err != nil {
		fmt.Fprintf(stderr, "the library is not the right one: %v\n", err)
		return 1
	}
	listener, err := net.FileListener(os.NewFile(socketFD, "http.sock"))
	if err != nil {
		fmt.Fprintln(stderr, "listening:", err)
		return 1
	}
	r := newRelay(listener, net.JoinHostPort("127.0.0.1", port), ownerOnly,
		func() (bool, error) { return listensHere(port) })
	go func() { // ends with the process, or ends it: the process needs the relay
		fmt.Fprintln(stderr, r.run())
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	}()
	go watchStdin(stdin, handlers) // ends the process, or ends with it

	var pins runtime.Pinner
	defer pins.Unpin()
	argv := cArgs(&pins, engineCommand(dir, port, native))
	result, _, _ := purego.SyscallN(run, uintptr(len(argv)-1), uintptr(unsafe.Pointer(&argv[0])))
	runtime.KeepAlive(argv)
	if result != 0 {
		if text, _, _ := purego.SyscallN(resultError, result); text != 0 {
			fmt.Fprintln(stderr, goString(text))
			return 1
		}
	}
	return 0
}

// engineCommand returns the server's command line: start to listen, and block. START LISTEN QUERIES
// DEFAULT would open port 9000 if no native port is given.
func engineCommand(dir, port, native string) []string {
	args := []string{
		"clickhouse", "--path=" + dataDir(dir), "--config-file=" + filepath.Join(confDir(dir), "engine.xml"),
		"--listen_host=127.0.0.1", "--http_port=" + port,
	}
	listen := "SYSTEM START LISTEN HTTP; "
	if native != noPort {
		args, listen = append(args, "--tcp_port="+native), listen+"SYSTEM START LISTEN TCP; "
	}
	return append(args, "--query",
		listen+"SELECT sleepEachRow(0.5) FROM numbers(1000000000) SETTINGS max_block_size = 1 FORMAT Null")
}

// watchStdin restores the signal handlers once the parent has seen the server listen. It ends the
// process when the parent is gone or closes stdin. It does so at once: the server's data survive
// that, whereas the server's own shutdown waits for its clients.
func watchStdin(stdin io.Reader, handlers []sigaction) {
	b := make([]byte, 1)
	for {
		if _, err := stdin.Read(b); err != nil {
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
			return
		}
		restoreHandlers(handlers)
	}
}

// cArgs lays out args as C expects them: pinned, and terminated by zeros.
func cArgs(pins *runtime.Pinner, args []string) []*byte {
	argv := make([]*byte, len(args)+1)
	for i, a := range args {
		b := append([]byte(a), 0)
		pins.Pin(&b[0])
		argv[i] = &b[0]
	}
	pins.Pin(&argv[0])
	return argv
}

// goString copies the C string at p.
func goString(p uintptr) string {
	return unix.BytePtrToString(*(**byte)(unsafe.Pointer(&p)))
}

// sigaction is the kernel's struct of that name.
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

// taken lists the signals whose handlers the library replaces.
var taken = [...]syscall.Signal{
	syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGILL, syscall.SIGBUS,
	syscall.SIGSYS, syscall.SIGFPE, syscall.SIGTSTP, syscall.SIGTRAP,
}

func saveHandlers() ([]sigaction, error) {
	saved := make([]sigaction, len(taken))
	for i, s := range taken {
		if _, _, errno := syscall.RawSyscall6(
			syscall.SYS_RT_SIGACTION, uintptr(s), 0, uintptr(unsafe.Pointer(&saved[i])), 8, 0, 0,
		); errno != 0 {
			return nil, errno
		}
	}
	return saved, nil
}

func restoreHandlers(saved []sigaction) {
	for i, s := range taken {
		_, _, _ = syscall.RawSyscall6(
			syscall.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&saved[i])), 0, 8, 0, 0)
	}
}
