package completion

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

type commands struct {
	Config string `help:"A file." type:"path"`
	Play   struct {
		Format string   `help:"Form." enum:"table,json" default:"table"`
		All    bool     `help:"All."`
		Late   string   `help:"Who."`
		Files  []string `arg:"" type:"path"`
	} `cmd:"" help:"Play files."`
	Store struct {
		Drop struct{} `cmd:"" help:"Drop it."`
		Dump struct{} `cmd:"" help:"Dump it."`
	} `cmd:"" help:"The store."`
	Inner struct{} `cmd:"" hidden:""`
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&commands{}, kong.Name("x"))
	if err != nil {
		t.Fatal(err)
	}
	values := func(command, name string) []string {
		if command == "play" && name == "late" {
			return []string{"london", "miami"}
		}
		return nil
	}
	for line, want := range map[string][]string{
		"":                       {"play\tPlay files.", "store\tThe store."},
		"pl":                     {"play\tPlay files."},
		"nothing":                nil,
		"store ":                 {"drop\tDrop it.", "dump\tDump it."},
		"store dr":               {"drop\tDrop it."},
		"play ":                  {Files},
		"play a b":               {Files},
		"play --f":               {"--format\tForm."},
		"play --format ":         {"table", "json"},
		"play --format j":        {"json"},
		"play --format=j":        {"--format=json"},
		"play --format = j":      {"json"},
		"play --all --late lo":   {"london"},
		"play --late=":           {"--late=london", "--late=miami"},
		"--config ":              {Files},
		"--config x store d":     {"drop\tDrop it.", "dump\tDump it."},
		"play --no-such-flag=x ": {Files},
		"--no-such=":             nil,
	} {
		if diff := cmp.Diff(want, Candidates(parser.Model, strings.Split(line, " "), values)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", line, diff)
		}
	}
	for _, flag := range []string{"--help", "--config", "--format", "--all", "--late"} {
		if !strings.Contains(strings.Join(Candidates(parser.Model, []string{"play", "--"}, values), "\n"), flag+"\t") {
			t.Errorf("play --: %s is missing", flag)
		}
	}
}

// TestScripts checks that each installed shell accepts its script.
func TestScripts(t *testing.T) {
	t.Parallel()
	for _, shell := range Shells {
		script, err := Script(shell, "x")
		if err != nil || !strings.Contains(script, "x complete") && !strings.Contains(script, "complete -- ") {
			t.Errorf("%s: got %v, %q", shell, err, script)
		}
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s is not installed: its script is not read", shell)
			continue
		}
		c := exec.CommandContext(t.Context(), path, "-n")
		c.Stdin = strings.NewReader(script)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", shell, err, out)
		}
	}
	if _, err := Script("csh", "x"); err == nil || !strings.Contains(err.Error(), "bash, zsh, fish") {
		t.Errorf("csh: got %v", err)
	}
}

// TestBash asks bash itself, with a program that answers like this one.
func TestBash(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	script, err := Script("bash", "x")
	if err != nil {
		t.Fatal(err)
	}
	script += `
x() { case "$4" in "") printf 'play\tPlay files.\nstore\tThe store.\n';; f) echo :files;; --format=*) echo --format=json;; *) echo json;; esac; }
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _x 2>/dev/null; echo "${COMPREPLY[*]}"; }
cd / && try x a '' && try x a --format = j && try x a --format j
`
	out, err := exec.CommandContext(t.Context(), path, "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, want := string(out), "play store\njson\njson\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
