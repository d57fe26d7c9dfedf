package telemetry

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestWaiting checks that a process that only waits for others answers 200, and names them.
func TestWaiting(t *testing.T) {
	t.Parallel()
	waiting := WaitingError{Err: errors.New("no router has connected")}
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, http.StatusOK},
		{fmt.Errorf("ingest: %w", errors.Join(waiting, waiting)), http.StatusOK},
		{errors.Join(waiting, errors.New("Kafka is away")), http.StatusServiceUnavailable},
		{errors.New("Kafka is away"), http.StatusServiceUnavailable},
	} {
		w := httptest.NewRecorder()
		AdminConfig{Ready: func() error { return tt.err }}.handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		said := "ok"
		if tt.err != nil {
			said = tt.err.Error()
		}
		if w.Code != tt.want || strings.TrimSpace(w.Body.String()) != said {
			t.Errorf("%v: %d %q, want %d", tt.err, w.Code, w.Body, tt.want)
		}
	}
}
