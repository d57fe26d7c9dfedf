package waittest_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/darkmap/darkmap/internal/waittest"
)

// failing records that a test failed, and its message.
type failing struct {
	testing.TB
	failed bool
}

func (*failing) Helper() {}

func (f *failing) Fatalf(string, ...any) {
	f.failed = true
	runtime.Goexit()
}

func TestUntil(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		took := waittest.Until(t, time.Minute, "ten seconds", func() bool { return time.Since(began) >= 10*time.Second })
		if took < 10*time.Second || took > 11*time.Second {
			t.Errorf("got %v, want ten seconds and at most a twentieth more", took)
		}
		f := &failing{TB: t}
		ended := make(chan struct{})
		go func() { // ends with Until
			defer close(ended)
			waittest.Until(f, time.Minute, "never", func() bool { return false })
		}()
		<-ended
		if waited := time.Since(began) - took; !f.failed || waited < time.Minute || waited > 64*time.Second {
			t.Errorf("failed %v after %v, want a failure after a minute", f.failed, waited)
		}
	})
}
