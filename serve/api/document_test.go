package api

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/darkmap/darkmap/serve"
)

var update = flag.Bool("update", false, "write openapi.json anew")

// TestDocument checks that the committed document is that of the operations. -update writes it.
func TestDocument(t *testing.T) {
	t.Parallel()
	got, err := (&service{Deps: &serve.Deps{}}).v1().document()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(got, openAPI) {
		t.Error("openapi.json is not what the operations give: go test ./serve/api -run TestDocument -update")
	}
}
