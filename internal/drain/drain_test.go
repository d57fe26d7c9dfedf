package drain_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/darkmap/darkmap/internal/drain"
)

type key struct{}

func TestContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		out, cancel := drain.Context(ctx, 10*time.Second)
		defer cancel()
		if out.Value(key{}) != "value" {
			t.Error("the value is lost")
		}
		time.Sleep(time.Minute)
		end()
		time.Sleep(9 * time.Second)
		if out.Err() != nil {
			t.Error("ended too early")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if out.Err() == nil {
			t.Error("did not end")
		}
	})
}

// TestCancel checks that cancel ends the context and the waiting goroutine at once. synctest fails
// if a goroutine is left.
func TestCancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		out, cancel := drain.Context(ctx, time.Hour)
		end()
		synctest.Wait()
		began := time.Now()
		cancel()
		if synctest.Wait(); out.Err() == nil || time.Since(began) != 0 {
			t.Errorf("got %v after %v, want canceled at once", out.Err(), time.Since(began))
		}
	})
}

func TestEndAfterStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		life, endLife := context.WithCancel(t.Context())
		defer endLife()
		if !drain.EndAfter(ctx, time.Second, life, endLife)() {
			t.Error("not stopped")
		}
		end()
		time.Sleep(time.Minute)
		if life.Err() != nil {
			t.Error("ended although it was stopped")
		}
	})
}
