package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// typedWord matches the first words of lines that a user types, into a shell or into a router.
var typedWord = regexp.MustCompile(`^(\$|(\./)?bin/darkmap|darkmap|make|curl|wget|go|npm|jq|kcat|cd|export|cat|sudo|apt-get|docker|kubectl|systemctl|git|sh|bash|clickhouse-client|set|/configure|router|bgp|bmp|protocol)$`)

// notRun is the mark of a block that no test runs. With a text in quotes it marks the block's lines
// that begin with the text.
var notRun = regexp.MustCompile(`^<!-- not run(?:, "([^"]+)")?: (.+) -->$`)

// documentCommand is a line of a block that a user types.
type documentCommand struct {
	place  string // file:line
	text   string
	reason string // why it is not run; "" if it is
}

// mark is a comment directly before a block.
type mark struct {
	place, begin string
	reason       string
	used         bool
}

// documentCommands finds the command lines of the fenced and indented blocks of a document. faults
// are marks without a command line.
func documentCommands(path, text string) (all []documentCommand, faults []string) {
	var marks []*mark
	fence, inBlock, data := false, false, false // data: a fenced block of a format that is no commands
	end := func() {
		for _, m := range marks {
			if !m.used {
				faults = append(faults, m.place+": the mark is not directly before a block that has such a command")
			}
		}
		marks, inBlock = nil, false
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, place := strings.TrimRight(line, "\n"), fmt.Sprintf("%s:%d", path, number)
		inner, indented := strings.CutPrefix(line, "    ")
		switch m := notRun.FindStringSubmatch(line); {
		case strings.HasPrefix(line, "```"):
			if fence {
				end()
			}
			language := line[3:]
			fence, data = !fence, language != "" && language != "sh" && language != "console"
			continue
		case m != nil && !fence:
			if inBlock {
				end()
			}
			marks = append(marks, &mark{place: place, begin: m[1], reason: m[2]})
			continue
		case line == "" && !fence:
			continue
		case !fence && !indented:
			end()
			continue
		case fence:
			inner = line
		}
		inBlock = true
		words := strings.Fields(inner)
		if data || len(words) == 0 || !typedWord.MatchString(words[0]) {
			continue
		}
		c := documentCommand{place: place, text: strings.TrimPrefix(strings.TrimSpace(inner), "$ ")}
		for _, m := range marks {
			if strings.HasPrefix(c.text, m.begin) {
				c.reason, m.used = m.reason, true
			}
		}
		all = append(all, c)
	}
	end()
	return all, faults
}

// shellWords splits a line into words as a shell in the folder does, with quotes, comments and
// patterns, but without variables, pipes and lists of commands. The names of files of the folder
// become paths.
func shellWords(line, folder string) ([]string, error) {
	var words []string
	var word strings.Builder
	quote, open, pattern := rune(0), false, false
	end := func() {
		if w := word.String(); open {
			words = append(words, inFolder(w, folder, pattern)...)
		}
		word.Reset()
		open, pattern = false, false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != '\'' && strings.ContainsRune("$`\\", r), quote == 0 && strings.ContainsRune("|;&<>(){}", r):
			return nil, fmt.Errorf("%q needs a shell", r)
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ':
			end()
		case r == '#' && !open:
			return words, nil
		default:
			open, pattern = true, pattern || strings.ContainsRune("*?[", r)
			word.WriteRune(r)
		}
	}
	end()
	if quote != 0 {
		return nil, fmt.Errorf("a quote %q is not closed", quote)
	}
	return words, nil
}

// inFolder returns the paths in the folder that a word names, also behind NAME=, or else the word.
func inFolder(word, folder string, pattern bool) []string {
	name, file, named := strings.Cut(word, "=")
	if !named {
		name, file = "", word
	} else {
		name += "="
	}
	found := []string{filepath.Join(folder, file)}
	if pattern {
		found, _ = filepath.Glob(found[0])
	}
	var all []string
	for _, path := range found {
		if _, err := os.Stat(path); err == nil && file != "" {
			all = append(all, name+path)
		}
	}
	if len(all) == 0 {
		return []string{word}
	}
	return all
}

// TestShellWords splits lines into words.
func TestShellWords(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a.1.gz", "a.2.gz"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for line, want := range map[string][]string{
		`darkmap sql "SELECT * FROM t"  # why`: {"darkmap", "sql", "SELECT * FROM t"},
		`darkmap replay a.*.gz 'a.*.gz'`:       {"darkmap", "replay", dir + "/a.1.gz", dir + "/a.2.gz", "a.*.gz"},
		`darkmap replay x=a.1.gz --all ''`:     {"darkmap", "replay", "x=" + dir + "/a.1.gz", "--all", ""},
		`darkmap up | jq .`:                    nil,
		`curl "$(jq .)"`:                       nil,
	} {
		if got, err := shellWords(line, dir); !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%s: got %q, %v; want %q", line, got, err, want)
		}
	}
}

// TestDocumentCommands finds command lines and marks.
func TestDocumentCommands(t *testing.T) {
	t.Parallel()
	const text = "# a\n\n    make x\n\n<!-- not run, \"darkmap up\": it runs on -->\n\n    darkmap up | jq .\n    darkmap dump a  # b\n\ntext\n\n" +
		"<!-- not run: of a router -->\n```\nrouter bgp 1\n```\n\n```yaml\nset: 1\n```\n<!-- not run: nothing -->\ntext\n"
	got, faults := documentCommands("f", text)
	want := []documentCommand{{"f:3", "make x", ""}, {"f:7", "darkmap up | jq .", "it runs on"}, {"f:8", "darkmap dump a  # b", ""}, {"f:14", "router bgp 1", "of a router"}}
	if !slices.Equal(got, want) || len(faults) != 1 || !strings.HasPrefix(faults[0], "f:20: ") {
		t.Errorf("got %+v, %q", got, faults)
	}
}

// writeCaptures writes the files that the documents name: a table and updates of one collector, and
// two more collectors in a file each. North Korea is away for 40 minutes. flags name the geography.
func writeCaptures(t *testing.T, folder string) (flags []string) {
	t.Helper()
	background, kp := mrttest.Background(100), mrttest.KP()
	w := mrttest.NewWorld(time.Date(2014, 12, 22, 0, 0, 0, 0, time.UTC), 3, 8, slices.Concat(background, kp))
	w.Churn(0, 3*time.Hour, 2*time.Minute, w.Peers, background)
	awayAndBack(w, kp)
	write := func(name string, b []byte) string {
		path := filepath.Join(folder, name)
		if strings.HasSuffix(name, ".gz") {
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			if _, err := z.Write(b); err != nil {
				t.Fatal(err)
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			b = packed.Bytes()
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("bview.20141222.0000.gz", w.Table("c0", 0, nil))
	for hour := range 3 {
		write(fmt.Sprintf("updates.20141222.%02d00.gz", hour), w.Updates("c0", time.Duration(hour)*time.Hour, time.Duration(hour+1)*time.Hour))
	}
	for collector, name := range map[string]string{"c1": "a.gz", "c2": "b.gz"} {
		write(name, append(w.Table(collector, 0, nil), w.Updates(collector, 0, 3*time.Hour)...))
	}
	write("file.gz", w.Updates("c0", 0, 3*time.Hour))
	return []string{"--set", "enrich.geo.files=[" + write("geo.csv", w.Geo()) + "]", "--set", "enrich.asn.files=[" + write("asn.csv", w.Origins()) + "]"}
}

// testNames returns the names of this repository's tests.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range function.FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestCommandBlocks runs every command line of README.md, CONTRIBUTING.md and docs/*.md, in this
// order, in one folder with the files that they name. A comment before a block marks lines that
// cannot be run: `<!-- not run: REASON -->` for the block, or `<!-- not run, "BEGIN": REASON -->`
// for the lines that begin with BEGIN.
func TestCommandBlocks(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	flags := append(writeCaptures(t, folder), "--data-dir", filepath.Join(folder, "data"))
	type runnable struct {
		documentCommand
		words []string
	}
	var todo []runnable
	tests, marked := testNames(t), 0
	for _, d := range documents(t) {
		if strings.Contains(d.path, "/adr/") {
			continue
		}
		commands, faults := documentCommands(d.path, d.text)
		for _, f := range faults {
			t.Error(f)
		}
		for _, c := range commands {
			if c.reason != "" {
				marked++
				for _, name := range regexp.MustCompile(`\bTest\w+`).FindAllString(c.reason, -1) {
					if !tests[name] {
						t.Errorf("%s: there is no test %s", c.place, name)
					}
				}
				continue
			}
			words, err := shellWords(c.text, folder)
			if err == nil && strings.TrimPrefix(words[0], "bin/") != "darkmap" {
				err = fmt.Errorf("%s is not darkmap", words[0])
			}
			if err != nil {
				t.Errorf("%s: %s: %v: it is neither run nor marked, with <!-- not run: REASON --> before its block", c.place, c.text, err)
				continue
			}
			todo = append(todo, runnable{c, words[1:]})
		}
	}
	if len(todo) < 8 || marked < 5 {
		t.Errorf("found %d command lines to run and %d that are marked: too few to be all", len(todo), marked)
	}
	clickhousetest.NeedEngine(t)
	stop := func() {}
	hosted := false
	for _, c := range todo {
		// Replays own the engine. All other statements use one engine that runs already.
		switch plays := c.words[0] == "replay" || c.words[0] == "demo"; {
		case plays && hosted:
			stop()
			hosted = false
		case !plays && !hosted && slices.Contains([]string{"sql", "outages", "datasets"}, c.words[0]):
			_, stop = host(t, filepath.Join(folder, "data"), io.Discard)
			hosted = true
		}
		if code, out, errs := darkmap(t, "", slices.Concat(c.words, flags)...); code != 0 || strings.TrimSpace(out) == "" || strings.HasPrefix(out, "no outages") {
			t.Errorf("%s: %s: got exit %d, %q, %s; want 0 and a result", c.place, c.text, code, out, errs)
		}
	}
}
