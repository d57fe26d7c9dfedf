//go:build !linux

package clickhouse

// machine is not known here, so the claims of processes that were killed end with their time.
func machine() string { return "" }

// processExists is only asked where machine is known.
func processExists(int) bool { return true }
