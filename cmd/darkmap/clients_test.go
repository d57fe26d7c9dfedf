package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/datatest"
)

// recipe returns the indented lines under a title in the output of --print-connection.
func recipe(t *testing.T, printed, title string) string {
	t.Helper()
	_, text, found := strings.Cut(printed, "\n"+title)
	if !found {
		t.Fatalf("%q is missing in\n%s", title, printed)
	}
	var lines []string
	_, text, _ = strings.Cut(text, "\n")
	for line := range strings.Lines(text) {
		pasted, indented := strings.CutPrefix(line, "    ")
		if !indented {
			break
		}
		lines = append(lines, pasted)
	}
	return strings.Join(lines, "")
}

// TestClients reads the store of an up with curl, Python's clickhouse-connect and clickhouse-go, by
// the lines that --print-connection prints, unchanged.
func TestClients(t *testing.T) {
	t.Parallel()
	python := filepath.Join(datatest.Root(t), "examples", "consumers", "python", ".venv", "bin", "python")
	if err := exec.CommandContext(t.Context(), python, "-c", "import clickhouse_connect").Run(); err != nil {
		datatest.Missing(t, "Python with clickhouse-connect is not here (make deps installs it; it needs python3 with venv)")
	}
	o := storing(t, door(t)...)
	o.start()
	o.serves()
	code, printed, errs := darkmap(t, "", "sql", "--print-connection", "--data-dir", o.dir)
	if code != 0 || strings.Contains(printed, "the door's password") {
		t.Fatalf("got %d, %s, %s", code, printed, errs)
	}
	source := filepath.Join(t.TempDir(), "main.go")
	program := "package main\n\nimport (\n\t\"context\"\n\t\"fmt\"\n\t\"os\"\n\t\"strings\"\n\n\t\"github.com/ClickHouse/clickhouse-go/v2\"\n)\n\nfunc main() {\n\tvar count uint64\n" +
		recipe(t, printed, "Go (") + "\n\tfmt.Println(count, err)\n}\n"
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, client := range []struct {
		name, want string
		command    []string
	}{
		{"curl", "0", []string{"bash", "-c", recipe(t, printed, "Shell (")}},
		{"Python", "[(0,)]", []string{python, "-c", recipe(t, printed, "Python (")}},
		{"Go", "0 <nil>", []string{"go", "run", source}},
	} {
		cmd := exec.CommandContext(t.Context(), client.command[0], client.command[1:]...)
		cmd.Dir = datatest.Root(t) // go run uses the modules of this repository
		cmd.Stderr = t.Output()
		if out, err := cmd.Output(); err != nil || strings.TrimSpace(string(out)) != client.want {
			t.Errorf("%s: got %q, %v, want %q from\n%s", client.name, out, err, client.want, client.command)
		}
	}
}
