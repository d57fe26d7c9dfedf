package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// update writes generated documents instead of comparing them.
var update = flag.Bool("update", false, "write generated documents")

const (
	referencePage = "../../docs/configuration.md"
	modulePath    = "github.com/darkmap/darkmap/"
)

// TestConfigurationPage compares docs/configuration.md, and configuration_keys.json for `darkmap
// config print`, with the structs, their tags and their comments. `make gen` writes them.
func TestConfigurationPage(t *testing.T) {
	t.Parallel()
	page, meanings := reference(t)
	generated(t, referencePage, page)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(meanings); err != nil {
		t.Fatal(err)
	}
	generated(t, "configuration_keys.json", b.String())
}

// generated compares a document with its expected contents or, with -update, writes it.
func generated(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s is stale (%v): run `make gen`", path, err)
	}
}

const referenceHead = `# Configuration

Generated from the code by ` + "`make gen`" + `: do not edit.

` + "`--config FILE`" + ` names one YAML file, and ` + "`--set key=value`" + ` sets one key over it, such as ` + "`--set detect.panel.min_voters=5`" + `. An unknown key is
an error, and so is a value that its key cannot have; the error names the key. An absent key has its default. A written 0 is a value
where the column *allowed* permits it; what can be switched off is switched off with ` + "`off`" + `. ` + "`darkmap config check`" + ` checks a file,
and ` + "`darkmap config print`" + ` prints all keys as they are in force, with these meanings as comments (` + "`--plain`" + `: without).

A duration is a number with its unit: ` + "`250ms`, `30s`, `5m`, `2h`" + `. Keys with [] belong to each entry of a list, those with NAME to each entry
of a map: you choose the name. A key marked with R decides
results: a dataset is refused where it was made with another value ([interfaces.md](interfaces.md)).
`

// reference returns the whole page, with a table for each section, and the meaning of each key.
func reference(t *testing.T) (page string, meanings map[string]string) {
	t.Helper()
	meanings = map[string]string{}
	comments := map[reflect.Type]map[string]string{}
	rows := map[string]*strings.Builder{}
	var sections []string
	for _, k := range config.Keys(defaultConfiguration()) {
		section := k.Name[:max(strings.LastIndexByte(k.Name, '.'), 0)]
		if rows[section] == nil {
			rows[section] = &strings.Builder{}
			sections = append(sections, section)
		}
		if comments[k.Parent] == nil {
			comments[k.Parent] = fieldComments(t, k.Parent)
		}
		meaning := comments[k.Parent][k.Field.Name]
		if meaning == "" {
			t.Errorf("%s has no comment", k.Name)
		}
		meanings[k.Name] = meaning
		if k.Field.Tag.Get("result") == "yes" {
			meaning += " R"
		}
		fmt.Fprintf(rows[section], "| `%s` | %s | %s | %s | %s |\n", k.Name, typeWord(k.Field.Type), codeSpan(k.Default()), tableCell(k.Limits.String()), tableCell(meaning))
	}
	page = referenceHead
	for _, section := range sections {
		title := "`" + section + "`"
		if section == "" {
			title = "At the top"
		}
		page += fmt.Sprintf("\n## %s\n\n| key | type | default | allowed | meaning |\n|---|---|---|---|---|\n%s", title, rows[section])
	}
	return page, meanings
}

// typeWord returns the page's name of a type.
func typeWord(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration](), t == reflect.TypeFor[config.DurationOrOff](), t == reflect.TypeFor[config.DurationOrZero]():
		return "duration"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Map:
		return "map"
	default:
		return "number"
	}
}

func codeSpan(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(s, "|", `\|`) + "`"
}

// tableCell escapes characters that would end a cell of a table, or begin an element of HTML.
func tableCell(s string) string { return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(s) }

// fieldComments reads the comments of a struct's fields in the source of its package.
func fieldComments(t *testing.T, typ reflect.Type) map[string]string {
	t.Helper()
	dir := filepath.Join("../..", strings.TrimPrefix(typ.PkgPath(), modulePath))
	if !strings.HasPrefix(typ.PkgPath(), modulePath) || strings.HasSuffix(typ.PkgPath(), "cmd/darkmap") {
		dir = "."
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != typ.Name() {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range s.Fields.List {
					for _, name := range field.Names {
						out[name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
					}
				}
			}
			return false
		})
	}
	return out
}
