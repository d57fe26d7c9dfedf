//go:build embedded && linux && amd64

package clickhouse

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// listensHere reports whether a socket of this process's user listens on 127.0.0.1:port in the
// network of this process.
func listensHere(port string) (bool, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return false, fmt.Errorf("looking for the server's listener: %w", err)
	}
	f, err := os.Open("/proc/self/net/tcp")
	if err != nil {
		return false, fmt.Errorf("looking for the server's listener: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	// man 5 proc_pid_net: sl local_address rem_address st queues tr uid ... The address is in the
	// machine's byte order.
	const listening = "0A"
	local, uid := fmt.Sprintf("0100007F:%04X", n), strconv.Itoa(os.Geteuid())
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		row := strings.Fields(lines.Text())
		if len(row) > 7 && row[1] == local && row[3] == listening {
			return row[7] == uid, nil // the kernel permits no second user to listen there
		}
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("looking for the server's listener: %w", err)
	}
	return false, nil
}
