// Package waittest waits in tests for conditions that become true by themselves.
package waittest

import (
	"testing"
	"time"
)

// Until calls ok repeatedly until it returns true, and returns the time that this took. The pauses
// grow from 2 ms on by a twentieth of the time waited. After limit the test fails with what, the
// name of the condition. In a synctest bubble the pauses and the limit are in its time.
func Until(tb testing.TB, limit time.Duration, what string, ok func() bool) time.Duration {
	tb.Helper()
	began := time.Now()
	for {
		waited := time.Since(began)
		switch {
		case ok():
			return waited
		case waited > limit:
			tb.Fatalf("not within %v: %s", limit, what)
		}
		<-time.After(2*time.Millisecond + waited/20)
	}
}
