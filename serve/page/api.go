package page

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/serve/api"
)

// operation is an operation of the API on its page.
type operation struct {
	Path, Summary, Description string
	Parameters                 []parameter
}

// parameter is a parameter of an operation.
type parameter struct {
	Name, Description string
	Required          bool
	Schema            map[string]any
}

// Values describes the values that the parameter may have.
func (p parameter) Values() string { return valuesOf(p.Schema) }

// valuesOf describes the values that a schema allows.
func valuesOf(schema map[string]any) string {
	if items, ok := schema["items"].(map[string]any); ok {
		if text := valuesOf(items); text != "" {
			return "list of " + text
		}
		return "list"
	}
	if all, ok := schema["enum"].([]any); ok {
		words := make([]string, len(all))
		for i, v := range all {
			words[i] = fmt.Sprint(v)
		}
		return strings.Join(words, ", ")
	}
	kind, _ := schema["type"].(string)
	if most, ok := schema["maximum"].(float64); ok {
		return fmt.Sprintf("%s, at most %.0f", kind, most)
	}
	return kind
}

// apiView holds the content of the page of the API.
type apiView struct {
	Text       string
	Operations []operation
}

// readAPI reads the document of the API, and sorts the operations by path.
func readAPI() (*apiView, error) {
	var doc struct {
		Info  struct{ Description string }
		Paths map[string]map[string]operation
	}
	if err := json.Unmarshal(api.Document(), &doc); err != nil {
		return nil, fmt.Errorf("reading the document of the API: %w", err)
	}
	d := &apiView{Text: doc.Info.Description}
	for path, methods := range doc.Paths {
		for _, op := range methods {
			op.Path = path
			d.Operations = append(d.Operations, op)
		}
	}
	slices.SortFunc(d.Operations, func(a, b operation) int { return strings.Compare(a.Path, b.Path) })
	return d, nil
}

// apiPage answers `/api`.
func (s *site) apiPage(*asked) (*content, error) {
	return &content{
		Template: "api", Title: "API",
		Description: "What darkmap answers to programs: outages, visibility, prefixes, feeds, " +
			"a stream of decided minutes.",
		Data: s.api, Fixed: true,
	}, nil
}
