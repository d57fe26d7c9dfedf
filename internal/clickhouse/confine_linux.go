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
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// noPort is the port of a protocol that the server does not offer.
const noPort = "0"

// ownPort is the server's port in a network namespace of its own, which has no other listener.
const ownPort = 8123

// processAttrs returns the ways to start a child, best first. Ctrl-C does not reach the child,
// because its clients must end first.
func processAttrs(sharedNetwork bool) []processAttr {
	shared := processAttr{sys: &syscall.SysProcAttr{Setpgid: true}}
	if sharedNetwork {
		return []processAttr{shared}
	}
	// A user namespace gives the right to a network namespace. The user keeps his id and the
	// ownership of his files.
	uid, gid := os.Geteuid(), os.Getegid()
	user := processAttr{ownNetwork: true, sys: &syscall.SysProcAttr{
		Setpgid: true, Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}},
		AmbientCaps: []uintptr{unix.CAP_NET_ADMIN}, // to bring loopback up
	}}
	if uid != 0 {
		return []processAttr{user, shared}
	}
	root := processAttr{
		ownNetwork: true, sys: &syscall.SysProcAttr{Setpgid: true, Cloneflags: unix.CLONE_NEWNET},
	}
	return []processAttr{root, user, shared}
}

// confineEngine restricts the process permanently to its own files and its own port. Then it
// becomes the engine.
func confineEngine(library, dir string, ownNetwork bool, native string, stderr io.Writer) int {
	// The restrictions apply to this thread and, after exec, to the whole engine.
	runtime.LockOSThread()
	port := ownPort
	if ownNetwork {
		native = noPort
		if err := loopbackUp(); err != nil {
			fmt.Fprintln(stderr, "bringing loopback up:", err)
			return exitNoNetwork
		}
	} else {
		var err error
		if port, err = freePort(); err != nil {
			fmt.Fprintln(stderr, "looking for a free port:", err)
			return 1
		}
	}
	if err := confine(library, dir, strconv.Itoa(port), native); err != nil {
		fmt.Fprintln(stderr, "confining the server to its files:", err)
		return 1
	}
	err := syscall.Exec("/proc/self/exe", //nolint:gosec // itself
		[]string{os.Args[0], engineArg, library, dir, strconv.Itoa(port) + "/" + native}, os.Environ())
	fmt.Fprintln(stderr, "starting the server:", err)
	return 1
}

// loopbackUp brings up the loopback interface of a new network namespace, then drops the capability
// for it.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
}

// freePort returns a loopback port without a listener. If another program takes the port before the
// server does, startChild tries again, and the relay does not connect to that program
// (listensHere).
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // does not wait
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// Access rights of the server to files (man 7 landlock).
const (
	readFiles = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	runFiles  = readFiles | unix.LANDLOCK_ACCESS_FS_EXECUTE
	allFiles  = 1<<16 - 1
	// noDirectory holds the rights that a file can have.
	noDirectory = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	// writeFiles holds all rights except to execute files and to make or control devices, sockets
	// and FIFOs.
	writeFiles = allFiles &^ (unix.LANDLOCK_ACCESS_FS_EXECUTE |
		unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO |
		unix.LANDLOCK_ACCESS_FS_IOCTL_DEV)
)

// leastLandlock is the first version that permits renaming from one folder to another. The server
// needs that.
const leastLandlock = 2

// landlockVersion returns the kernel's version of Landlock. It is 0 if the kernel has none.
func landlockVersion() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// confinable reports whether the kernel can deny the engine access to files outside its folder.
func confinable() bool { return landlockVersion() >= leastLandlock }

// confine limits this thread, and any program that it executes, to the files that the server needs
// and to the given TCP ports. Landlock is necessary because no grant and no setting of ClickHouse
// denies a reader the function file. If the kernel has no suitable Landlock, confine does nothing.
func confine(library, dir string, ports ...string) error {
	version := landlockVersion()
	if version < leastLandlock {
		return nil
	}
	attr := unix.LandlockRulesetAttr{Handled_access_fs: handled(version)}
	if version >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if version >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	fd, _, errno := unix.Syscall(
		unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return fmt.Errorf("making a Landlock ruleset: %w", errno)
	}
	ruleset := int(fd)
	defer unix.Close(ruleset) //nolint:errcheck // a descriptor only
	for path, access := range serverPaths(library, dir) {
		if err := allowPath(ruleset, path, access&attr.Handled_access_fs); err != nil {
			return fmt.Errorf("allowing %s: %w", path, err)
		}
	}
	if attr.Handled_access_net != 0 {
		for _, port := range ports {
			if err := allowPort(ruleset, port, attr.Handled_access_net); err != nil {
				return fmt.Errorf("allowing port %s: %w", port, err)
			}
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// handled returns the rights that the kernel's version of Landlock knows.
func handled(version int) uint64 {
	switch {
	case version >= 5:
		return allFiles
	case version >= 3:
		return allFiles &^ unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	return allFiles &^ (unix.LANDLOCK_ACCESS_FS_IOCTL_DEV | unix.LANDLOCK_ACCESS_FS_TRUNCATE)
}

// serverPaths returns the files that the server needs, with the rights to each.
func serverPaths(library, dir string) map[string]uint64 {
	paths := map[string]uint64{library: runFiles, "/proc/self/exe": runFiles, confDir(dir): readFiles}
	for _, path := range append(
		filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")),
		"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/gnu/store") {
		if filepath.IsAbs(path) && path != "/" {
			paths[path] = runFiles
		}
	}
	for _, path := range []string{
		"/etc/ld.so.cache", "/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo",
		"/dev/null", "/dev/urandom", "/dev/random",
		"/proc/self", "/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/proc/loadavg", "/proc/sys",
		"/sys/devices/system", "/sys/fs/cgroup",
	} {
		paths[path] = readFiles
	}
	for _, path := range serverDirs(dir) {
		paths[path] = writeFiles
	}
	return paths
}

// allowPath adds a rule for a path, if it exists.
func allowPath(ruleset int, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EACCES) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // names a file only
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= noDirectory
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(
		unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// allowPort adds a rule for a TCP port.
func allowPort(ruleset int, port string, access uint64) error {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || port == noPort {
		return err
	}
	rule := struct{ access, port uint64 }{access, n}
	const netPort = 2 // LANDLOCK_RULE_NET_PORT
	_, _, errno := unix.Syscall6(
		unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), netPort, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// ownerOnly rejects clients of other users, even if the modes of the socket and its folder were
// changed. In a user namespace every other uid, including root's, appears as the kernel's overflow
// uid and is rejected. An owner with uid 65534 (nobody) has that overflow uid, so it cannot be
// distinguished from other users.
func ownerOnly(client *net.UnixConn) error {
	raw, err := client.SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if credErr != nil {
		return fmt.Errorf("asking who the client is: %w", credErr)
	}
	uid := os.Geteuid()
	if int(cred.Uid) == uid || cred.Uid == 0 {
		return nil
	}
	return fmt.Errorf("the embedded ClickHouse of user %d serves that user alone: run this as that user", uid)
}
