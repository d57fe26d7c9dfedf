package rislive_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if speedChild() {
		return
	}
	goleak.VerifyTestMain(m)
}
