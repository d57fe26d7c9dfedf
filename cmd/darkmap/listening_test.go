package main

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/datatest"
)

// listening returns the TCP addresses on which a process and its children listen and that other
// programs of the machine can reach. Sockets in a network namespace of their own are left out.
func listening(t *testing.T, pid int) []string {
	t.Helper()
	home, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		datatest.Missing(t, "this system has no /proc")
	}
	var all []string
	for _, pid := range descendants(pid) {
		proc := filepath.Join("/proc", strconv.Itoa(pid))
		if ns, err := os.Readlink(filepath.Join(proc, "ns/net")); err != nil || ns != home {
			continue
		}
		inodes := socketInodes(proc)
		for _, table := range []string{"net/tcp", "net/tcp6"} {
			all = append(all, listeners(filepath.Join(proc, table), inodes)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// descendants returns the process and all its descendants.
func descendants(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, _ := os.ReadFile(path) // the process may be gone
		_, after, _ := strings.Cut(string(b), ") ")
		if field := strings.Fields(after); len(field) > 1 {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			parent, _ := strconv.Atoi(field[1])
			children[parent] = append(children[parent], child)
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// socketInodes returns the inodes of the open sockets of a process.
func socketInodes(proc string) map[string]bool {
	inodes := map[string]bool{}
	fds, _ := filepath.Glob(filepath.Join(proc, "fd/*"))
	for _, fd := range fds {
		to, _ := os.Readlink(fd) // it may be closed by now
		if inode, ok := strings.CutPrefix(to, "socket:["); ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return inodes
}

// listeners reads the listening addresses of sockets with these inodes from a table such as
// /proc/net/tcp.
func listeners(path string, inodes map[string]bool) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close() //nolint:errcheck // only read
	var all []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		field := strings.Fields(lines.Text())
		if len(field) < 10 || field[3] != "0A" || !inodes[field[9]] { // 0A is LISTEN
			continue
		}
		if addr, ok := procAddress(field[1]); ok {
			all = append(all, addr.String())
		}
	}
	return all
}

// procAddress parses an address of /proc/net/tcp: 32-bit words in the machine's order, then the
// port. It replaces the unspecified address by loopback.
func procAddress(s string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	n, perr := strconv.ParseUint(port, 16, 16)
	if err != nil || perr != nil {
		return netip.AddrPort{}, false
	}
	for i := 0; i+4 <= len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.NativeEndian.Uint32(b[i:]))
	}
	addr, ok := netip.AddrFromSlice(b)
	if addr = addr.Unmap(); addr.IsUnspecified() {
		addr = netip.MustParseAddr("127.0.0.1")
	}
	return netip.AddrPortFrom(addr, uint16(n)), ok
}
