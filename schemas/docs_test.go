package schemas_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/schemas"
)

// table returns the registry in the form of docs/schemas.md.
func table() string {
	var b strings.Builder
	b.WriteString("| topic | key | value | partitions | retention: cluster | embedded |\n|---|---|---|---|---|---|\n")
	for _, t := range schemas.Topics {
		partitions, value, cluster, embedded := fmt.Sprint(t.Partitions), t.Value, span(t.Retention), span(t.EmbeddedRetention)
		if t.PerCollector {
			partitions = "`kafka.partitions`"
		}
		if t.JSON != "" {
			value = "JSON: [" + t.JSON + "](../schemas/" + t.JSON + ")"
		} else if value == "" {
			value = "as read"
		}
		if t.Compacted {
			cluster = "compacted"
		}
		if t.Compacted && t.EmbeddedBytes == 0 {
			embedded = "compacted"
		}
		if t.EmbeddedBytes > 0 {
			embedded += fmt.Sprintf(" or %d MiB", t.EmbeddedBytes>>20)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", t.Name, t.Key, value, partitions, cluster, embedded)
	}
	return b.String()
}

func span(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	}
	return fmt.Sprintf("%d h", d/time.Hour)
}

// TestDocs compares the table of topics in docs/schemas.md with the registry.
func TestDocs(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- topics: begin -->\n", "<!-- topics: end -->"
	path := filepath.Join("..", "docs", "schemas.md")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no %s...%s", path, begin, end)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+table()+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != table() {
		t.Errorf("docs/schemas.md is not the registry (run with -update): got\n%s\nwant\n%s", old, table())
	}
}
