package main

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// widest is how many columns a line of Go may have; a tab counts as one.
const widest = 110

// tagged matches a field of a struct with its tag.
var tagged = regexp.MustCompile("^\t+[A-Za-z].* `[a-z]+:\".*`$")

// tooLong reports whether a line has more than widest columns and can be broken. A struct tag cannot be
// broken, nor can a line without white space.
func tooLong(line string) bool {
	line = strings.TrimRight(line, "\n")
	return utf8.RuneCountInString(line) > widest && !tagged.MatchString(line) &&
		strings.ContainsAny(strings.TrimSpace(line), " \t")
}

// generated matches files that are made by programs.
var generated = regexp.MustCompile(`\.pb\.go$|_vtproto|/dist/|/testdata/|^testdata/`)

// read returns the lines of the repository's text by kind, and how many lines of Go are too long.
func read(ctx context.Context, dir string) (texts map[string][]string, long int, err error) {
	cmd := exec.CommandContext(ctx, "git", "ls-files", "*.go", "*.proto", "*.sql", "*.md")
	cmd.Dir = dir
	files, err := cmd.Output()
	if err != nil {
		return nil, 0, err
	}
	texts = map[string][]string{}
	for file := range strings.Lines(string(files)) {
		if file = strings.TrimSpace(file); generated.MatchString(file) {
			continue
		}
		src, err := os.ReadFile(filepath.Join(dir, file)) //nolint:gosec // a file of the repository
		if err != nil {
			return nil, 0, err
		}
		add := func(kind string, lines ...string) { texts[kind] = append(texts[kind], lines...) }
		switch filepath.Ext(file) {
		case ".go":
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			if err := readGo(file, src, add); err != nil {
				return nil, 0, err
			}
			for line := range strings.Lines(string(src)) {
				if tooLong(line) {
					long++
				}
			}
		case ".proto":
			add("protobuf comments", matches(src, `//+ ?(.*)`)...)
		case ".sql":
			add("SQL comments", matches(src, `-- ?(.*)`)...)
			add("SQL comments", matches(src, `COMMENT '((?:[^'\\]|\\.|'')*)'`)...)
		case ".md":
			if file != "CHANGELOG.md" {
				add("documents", prose(string(src))...)
			}
		}
	}
	return texts, long, nil
}

// matches are the first groups of an expression's matches in a text.
func matches(src []byte, expression string) []string {
	var found []string
	for _, m := range regexp.MustCompile(expression).FindAllSubmatch(src, -1) {
		found = append(found, string(m[1]))
	}
	return found
}

// prose is a document's lines without those of code blocks and without empty ones.
func prose(text string) []string {
	var lines []string
	fenced := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case !fenced && !strings.HasPrefix(line, "    ") && strings.TrimSpace(line) != "":
			lines = append(lines, line)
		}
	}
	return lines
}

// messages are the functions of which the first text in the arguments is a message for people.
var messages = map[string]bool{
	"New": true, "Errorf": true, "Debug": true, "Info": true, "Warn": true, "Error": true,
	"DebugContext": true, "InfoContext": true, "WarnContext": true, "ErrorContext": true,
}

// readGo passes the comments, the help of metrics and the messages of a Go file to add.
func readGo(name string, src []byte, add func(kind string, lines ...string)) error {
	file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ParseComments)
	if err != nil {
		return err
	}
	if ast.IsGenerated(file) {
		return nil
	}
	for _, group := range file.Comments {
		for _, c := range group.List {
			text, ok := strings.CutPrefix(c.Text, "//")
			if ok && !strings.HasPrefix(text, "go:") && !strings.HasPrefix(text, "nolint") {
				add("Go comments", text)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			called, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || !messages[called.Sel.Name] {
				return true
			}
			for _, arg := range n.Args {
				if text, ok := literal(arg); ok {
					add("messages", text)
					break
				}
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Help" {
				if text, ok := literal(n.Value); ok {
					add("help of metrics", text)
				}
			}
		}
		return true
	})
	return nil
}

// literal is the text of a string literal, or of several that are added.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, e.Kind == token.STRING && err == nil
	case *ast.BinaryExpr:
		left, ok := literal(e.X)
		right, ok2 := literal(e.Y)
		return left + right, ok && ok2
	}
	return "", false
}
