package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/darkmap/darkmap/internal/config"
)

// document is a Markdown file; path is relative to this folder.
type document struct {
	path, text string
	// prose is the text without fenced blocks.
	prose string
	// blocks are the texts of fenced and of indented blocks, without fence and indent.
	blocks []string
}

// documents reads README.md, CONTRIBUTING.md and docs/. CHANGELOG.md is left out, because its names
// are those of past versions.
func documents(t *testing.T) []document {
	t.Helper()
	paths := []string{"../../README.md", "../../CONTRIBUTING.md"}
	err := filepath.WalkDir("../../docs", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []document
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parseDocument(path, string(text)))
	}
	return all
}

func parseDocument(path, text string) document {
	d := document{path: path, text: text}
	var prose, block strings.Builder
	end := func() {
		if block.Len() > 0 {
			d.blocks = append(d.blocks, block.String())
		}
		block.Reset()
	}
	fenced := false
	for line := range strings.Lines(text) {
		inner, indented := strings.CutPrefix(line, "    ")
		switch {
		case strings.HasPrefix(line, "```"):
			end()
			fenced = !fenced
		case fenced:
			block.WriteString(line)
		case indented:
			block.WriteString(inner)
			prose.WriteString(line)
		default:
			end()
			prose.WriteString(line)
		}
	}
	end()
	d.prose = prose.String()
	return d
}

// codeSpans returns the code spans of a document that are no text of a link, each in one line.
func (d document) codeSpans() []string {
	var all []string
	for _, m := range regexp.MustCompile("(\\[?)`([^`]+)`(\\]\\()?").FindAllStringSubmatch(d.prose, -1) {
		if m[1] == "" || m[3] == "" {
			all = append(all, strings.Join(strings.Fields(m[2]), " "))
		}
	}
	return all
}

// anchors returns the names that GitHub gives to a document's headings.
func (d document) anchors() map[string]bool {
	all := map[string]bool{}
	other := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for line := range strings.Lines(d.prose) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			all[strings.ReplaceAll(other.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), ""), " ", "-")] = true
		}
	}
	return all
}

// TestLinks checks that every relative link leads to a file and, if it names a heading, to a
// heading.
func TestLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:\s]*)(?:#([^)\s]+))?\)`)
	for _, d := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(d.prose, -1) {
			target := filepath.Join(filepath.Dir(d.path), m[1])
			if m[1] == "" {
				target = d.path
			}
			text, err := os.ReadFile(target)
			if info, statErr := os.Stat(target); statErr == nil && info.IsDir() && m[2] == "" {
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", d.path, err)
				continue
			}
			if m[2] != "" && !parseDocument(target, string(text)).anchors()[m[2]] {
				t.Errorf("%s: %s has no heading %s", d.path, target, m[2])
			}
		}
	}
}

// TestReadmeLinks checks that the README links to each document of docs/.
func TestReadmeLinks(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(all) == 0 {
		t.Fatalf("documents: %v, %v", all, err)
	}
	for _, path := range all {
		if target := "](docs/" + filepath.Base(path); !strings.Contains(string(readme), target+")") && !strings.Contains(string(readme), target+"#") {
			t.Errorf("README.md has no link to docs/%s", filepath.Base(path))
		}
	}
}

// TestPathsExist checks that paths in documents exist: paths that begin with a folder of this
// repository, outside of double quotes, and file names in code spans.
func TestPathsExist(t *testing.T) {
	t.Parallel()
	path := regexp.MustCompile(`(?:^|[^\w/.<$"-]|\./)((?:\.ci|cmd|deploy|detect|docs|enrich|eval|examples|ingest|internal|notify|schemas|serve|sink|testdata|tools)/[\w./*-]*)`)
	file := regexp.MustCompile(`^\w+\.(?:go|proto|sql|tsv|md)$`)
	names := map[string]bool{}
	err := filepath.WalkDir("../..", func(_ string, d fs.DirEntry, err error) error {
		if d.IsDir() && d.Name() == ".git" {
			return filepath.SkipDir
		}
		names[d.Name()] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range documents(t) {
		for _, m := range path.FindAllStringSubmatch(d.text, -1) {
			pattern := strings.NewReplacer("NNNN", "*").Replace(strings.TrimRight(m[1], "."))
			if found, err := filepath.Glob(filepath.Join("../..", pattern)); err != nil || len(found) == 0 {
				t.Errorf("%s: there is no %s", d.path, m[1])
			}
		}
		for _, s := range d.codeSpans() {
			if file.MatchString(s) && !names[s] {
				t.Errorf("%s: there is no file %s", d.path, s)
			}
		}
	}
}

// TestCommandsExist checks that commands, flags, targets of make and configuration keys in code
// exist.
func TestCommandsExist(t *testing.T) {
	t.Parallel()
	var c cli
	parser, err := newParser(t.Context(), &c, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	target := regexp.MustCompile(`(?:^|[\s;&])make ([a-z][a-z0-9-]*)`)
	called := regexp.MustCompile(`^(?:bin/)?darkmap( .*)`)
	commands, seen := commandLine{t, parser.Model.Node, configurationKeys()}, 0
	for _, d := range documents(t) {
		if d.path == referencePage || d.path == metricsPage {
			continue
		}
		spans := d.codeSpans()
		for _, line := range slices.Concat(spans, strings.Split(strings.Join(d.blocks, ""), "\n")) {
			for _, m := range target.FindAllStringSubmatch(line, -1) {
				if !strings.Contains(string(makefile), "\n"+m[1]+":") {
					t.Errorf("%s: make has no target %s", d.path, m[1])
				}
			}
			for _, part := range regexp.MustCompile(`  +|;|&&`).Split(strings.TrimSpace(line), -1) {
				if m := called.FindStringSubmatch(part); m != nil {
					seen++
					commands.check(d.path, strings.Fields(m[1]))
				}
			}
		}
		for _, s := range spans {
			words := strings.Fields(s)
			switch {
			case strings.HasPrefix(s, "--"):
				commands.anyFlag(d.path, s)
			case len(words) > 1 && child(parser.Model.Node, words[0]) != nil:
				seen++
				commands.check(d.path, words)
			}
			commands.checkKey(d.path, s)
		}
	}
	if seen < 40 {
		t.Errorf("found %d command lines: too few to be all", seen)
	}
}

// commandLine checks command lines of documents.
type commandLine struct {
	t    *testing.T
	root *kong.Node
	keys map[string]bool
}

// configurationKeys returns all keys, and the sections that hold them.
func configurationKeys() map[string]bool {
	keys := map[string]bool{}
	for _, k := range config.Keys(defaultConfiguration()) {
		for name := strings.ReplaceAll(k.Name, "[]", ""); name != ""; {
			keys[name] = true
			name = name[:max(strings.LastIndexByte(name, '.'), 0)]
		}
	}
	return keys
}

func child(n *kong.Node, name string) *kong.Node {
	for _, c := range n.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// check follows the words after darkmap: commands, such as config or ingest|enrich, then arguments
// and flags.
func (c commandLine) check(path string, words []string) {
	c.t.Helper()
	node := c.root
	for i, word := range words {
		switch {
		case word == "#":
			return
		case strings.HasPrefix(word, "--"):
			name, _, _ := strings.Cut(strings.Trim(word, "),.`"), "=")
			if !hasFlag(node, name[2:]) {
				c.t.Errorf("%s: darkmap %s: %s has no flag %s", path, strings.Join(words, " "), node.Name, name)
			}
			if name == "--set" && i+1 < len(words) {
				c.set(path, words[i+1])
			}
		case len(node.Children) > 0 && word != "...":
			var next *kong.Node
			for name := range strings.SplitSeq(word, "|") {
				if next = child(node, name); next == nil {
					c.t.Errorf("%s: darkmap %s: there is no command %q", path, strings.Join(words, " "), name)
					return
				}
			}
			node = next
		}
	}
}

// anyFlag checks a span that begins with a flag: some command must have the flag.
func (c commandLine) anyFlag(path, span string) {
	c.t.Helper()
	words := strings.Fields(span)
	for i, word := range words {
		name, ok := strings.CutPrefix(word, "--")
		if name, _, _ = strings.Cut(name, "="); !ok || name == "tcp_port" { // a flag of ClickHouse
			continue
		}
		if !slices.ContainsFunc(append(c.root.Leaves(false), c.root), func(n *kong.Node) bool { return hasFlag(n, name) }) {
			c.t.Errorf("%s: no command has a flag --%s", path, name)
		}
		if name == "set" && i+1 < len(words) {
			c.set(path, words[i+1])
		}
	}
}

func hasFlag(n *kong.Node, name string) bool {
	for _, group := range n.AllFlags(false) {
		if slices.ContainsFunc(group, func(f *kong.Flag) bool { return f.Name == name || f.Tag.Negatable != "" && "no-"+f.Name == name }) {
			return true
		}
	}
	return false
}

// set checks the argument of --set.
func (c commandLine) set(path, word string) {
	c.t.Helper()
	if key, _, _ := strings.Cut(strings.Trim(word, "'\""), "="); key != "key" && !c.keys[key] {
		c.t.Errorf("%s: there is no configuration key %s", path, key)
	}
}

// checkKey checks a span that looks like a configuration key, alone or with a value.
func (c commandLine) checkKey(path, span string) {
	c.t.Helper()
	key, _, _ := strings.Cut(span, ":")
	if regexp.MustCompile(`^(kafka|clickhouse|ingest|enrich|detect|sink|notify)(\.[a-z0-9_]+)+$`).MatchString(key) && !c.keys[key] {
		c.t.Errorf("%s: there is no configuration key %s", path, key)
	}
}

// TestConfigurationExamples checks that blocks that look like parts of a configuration file are
// valid.
func TestConfigurationExamples(t *testing.T) {
	t.Parallel()
	section := regexp.MustCompile(`^[a-z]+: *(?:\{.*\})?\s*(?:\n|$)`)
	found := 0
	for _, d := range documents(t) {
		for _, text := range slices.Concat(d.blocks, d.codeSpans()) {
			if !section.MatchString(text) {
				continue
			}
			found++
			path := filepath.Join(t.TempDir(), "example.yaml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := defaultConfiguration().load(path, nil); err != nil {
				t.Errorf("%s: %s\n%v", d.path, text, err)
			}
		}
	}
	if found < 6 {
		t.Errorf("found %d examples: too few to be all", found)
	}
}

// TestMetricNames checks that the metrics that documents and messages name exist.
func TestMetricNames(t *testing.T) {
	t.Parallel()
	all := everyMetric(t)
	name := regexp.MustCompile(`\bdarkmap_[a-z_]+`)
	check := func(path, text string) {
		for _, n := range name.FindAllString(text, -1) {
			if _, ok := all[strings.TrimSuffix(n, "_bucket")]; !ok && !strings.HasPrefix(n, "darkmap_kafka") {
				t.Errorf("%s: there is no metric %s", path, n)
			}
		}
	}
	for _, d := range documents(t) {
		if d.path != metricsPage {
			check(d.path, d.text)
		}
	}
	for _, path := range sourceFiles(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		check(path, string(text))
	}
}
