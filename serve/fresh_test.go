package serve

import (
	"net/http"
	"testing"
)

// TestAcceptsGzip checks what clients take (RFC 9110 §12.5.3).
func TestAcceptsGzip(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "x-gzip": true, "br": false, "gzipped": false, "br, gzip": true,
		"gzip;q=0": false, "gzip; q=0.000": false, "gzip;q=0.5, br": true, "gzip ; Q=1": true, "gzip;q=x": false,
		"*": true, "*;q=0": false, "identity, *;q=0.1": true, "*, gzip;q=0": false, "gzip;q=0, *": false,
		"*;q=0, gzip": true, "identity": false,
	} {
		r := &http.Request{Header: http.Header{"Accept-Encoding": {header}}}
		if got := acceptsGzip(r); got != want {
			t.Errorf("%q: got %v", header, got)
		}
	}
}
