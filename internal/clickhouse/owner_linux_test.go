//go:build embedded && linux && amd64

package clickhouse

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/darkmap/darkmap/internal/datatest"
)

// guardEnv makes TestOwnerOnlyGuard the guard of TestOwnerOnly.
const guardEnv = "CLICKHOUSE_TEST_GUARD"

// TestOwnerOnlyGuard accepts as many clients as the variable contains, and answers whether each is
// admitted.
func TestOwnerOnlyGuard(t *testing.T) {
	t.Parallel()
	clients, err := strconv.Atoi(os.Getenv(guardEnv))
	if err != nil {
		return // it is not the guard
	}
	l, err := net.FileListener(os.NewFile(socketFD, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	for range clients {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if err := ownerOnly(conn.(*net.UnixConn)); err != nil {
			_, _ = io.WriteString(conn, err.Error())
		} else {
			_, _ = io.WriteString(conn, "in")
		}
		_ = conn.Close()
	}
}

// answerTo returns the answer of the socket to a client of the user uid.
func answerTo(t *testing.T, uid int, socket string) string {
	t.Helper()
	var answer []byte
	done := make(chan error)
	go func() { // ends with the answer; its thread ends with it
		runtime.LockOSThread()
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
			done <- errno
			return
		}
		conn, err := new(net.Dialer).DialContext(t.Context(), "unix", socket)
		if err == nil {
			_ = conn.SetDeadline(time.Now().Add(time.Minute)) // if the guard has ended
			answer, err = io.ReadAll(conn)
			err = errors.Join(err, conn.Close())
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// TestOwnerOnly: also in a user namespace, the owner is admitted and others are not, although the
// socket is open to all.
func TestOwnerOnly(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		datatest.Missing(t, "it takes root to be another user")
	}
	const owner = 65532
	dir := t.TempDir()
	socket := filepath.Join(dir, "socket")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the guard has it
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // the guard has it
	if err := errors.Join(os.Chmod(socket, 0o666), os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
	clients := []int{owner, 0, nobody}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestOwnerOnlyGuard$")
	cmd.Dir, cmd.Env, cmd.ExtraFiles = "/", []string{guardEnv + "=" + strconv.Itoa(len(clients))}, []*os.File{file}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: owner, HostID: owner, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: owner, HostID: owner, Size: 1}},
		Credential:  &syscall.Credential{Uid: owner, Gid: owner, NoSetGroups: true},
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		datatest.Missing(t, "the test's program does not start in a user namespace: "+err.Error())
	}
	for _, uid := range clients {
		if got := answerTo(t, uid, socket); (got == "in") != (uid == owner) {
			t.Errorf("uid %d: got %q, the owner is %d", uid, got, owner)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the guard: %v: %s", err, &said)
	}
}
