//go:build !linux

package clickhouse

// machine returns "": the machine is unknown here, so the claims of killed processes end with their
// time.
func machine() string { return "" }

// processExists is called only if machine is known.
func processExists(int) bool { return true }
