package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/darkmap/darkmap/schemas"
	"github.com/darkmap/darkmap/serve"
)

// openAPI is the document of /v1, which a test writes.
//
//go:embed openapi.json
var openAPI []byte

const documentText = "Outages of the Internet as BGP shows them: what is open, what was, and how visible countries, networks and prefixes are. Only what can be read is here. " +
	"Times are RFC 3339 in UTC; space counts /24s (IPv4) or /48s (IPv6). Fields are only ever added. Errors are problem details (RFC 9457). " +
	"Names of networks, regions and watch lists are the words of others."

// typeOf is the type of a value.
func typeOf(v any) reflect.Type { return reflect.TypeOf(v) }

// document is the OpenAPI document of /v1, whole.
func (v *v1) document() ([]byte, error) {
	b, err := json.Marshal(v.api.OpenAPI())
	if err != nil {
		return nil, err
	}
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, err
	}
	open(doc)
	components := doc["components"].(map[string]any)["schemas"].(map[string]any)
	for name, text := range map[string][]byte{"Outage": schemas.Outage, "Answer": schemas.Answer} {
		var schema map[string]any
		if err := json.Unmarshal(text, &schema); err != nil {
			return nil, fmt.Errorf("reading the schema of an %s: %w", name, err)
		}
		delete(schema, "$schema")
		delete(schema, "$id")
		rebase(schema, "#/components/schemas/"+name)
		components[name] = schema
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	return append(out, '\n'), err
}

// open lets objects have properties that the document does not know yet.
func open(node any) {
	switch x := node.(type) {
	case map[string]any:
		if allowed, ok := x["additionalProperties"].(bool); ok && !allowed {
			delete(x, "additionalProperties")
		}
		for _, v := range x {
			open(v)
		}
	case []any:
		for _, v := range x {
			open(v)
		}
	}
}

// rebase lets the references within a schema begin at its place in the document.
func rebase(node any, place string) {
	switch x := node.(type) {
	case map[string]any:
		if ref, ok := x["$ref"].(string); ok && strings.HasPrefix(ref, "#") {
			x["$ref"] = place + strings.TrimPrefix(ref, "#")
		}
		for _, v := range x {
			rebase(v, place)
		}
	case []any:
		for _, v := range x {
			rebase(v, place)
		}
	}
}

// documents are the routes to the document, as it is and as a page, and to the text for assistants.
func (s *service) documents() []serve.Route {
	page, err := apiPage(s.Base)
	if err != nil {
		panic("the committed openapi.json cannot be read: " + err.Error()) // a test reads it
	}
	fixed := func(kind string, body []byte) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if serve.Fresh(w, r, s.Version, r.URL.Path) {
				return
			}
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(body) // the client may be gone
		})
	}
	return []serve.Route{
		{Pattern: "GET /openapi.json", Form: serve.FormData, Handler: fixed("application/json", bytes.Replace(openAPI, []byte(`"url": "/"`), []byte(`"url": "`+s.Base+`/"`), 1))},
		{Pattern: "GET /api", Form: serve.FormPage, Handler: fixed("text/html; charset=utf-8", page)},
	}
}

// operation is an operation for the page.
type operation struct {
	Path, Summary, Description string
	Parameters                 []struct {
		Name, In, Description string
		Required              bool
		Schema                map[string]any
	}
}

// Values says what a parameter may be.
func values(schema map[string]any) string {
	if items, ok := schema["items"].(map[string]any); ok {
		if text := values(items); text != "" {
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

var apiTemplate = template.Must(template.New("api").Funcs(template.FuncMap{"values": values}).Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>darkmap: API</title>
<main><h1>API</h1><p>{{.Text}}</p><p><a href="{{.Base}}/">The map</a>, <a href="{{.Base}}/openapi.json">this document as OpenAPI 3.1</a></p>
{{range .Operations}}<section><h2>{{.Summary}}</h2><p><code>GET {{.Path}}</code></p>{{with .Description}}<p>{{.}}</p>{{end}}
{{with .Parameters}}<table><thead><tr><th scope="col">parameter</th><th scope="col">values</th><th scope="col">meaning</th></tr></thead><tbody>
{{range .}}<tr><th scope="row"><code>{{.Name}}</code>{{if .Required}} (required){{end}}</th><td>{{values .Schema}}</td><td>{{.Description}}</td></tr>
{{end}}</tbody></table>{{end}}</section>
{{end}}</main></html>
`))

// apiPage is the document as a page.
func apiPage(base string) ([]byte, error) {
	var doc struct {
		Info  struct{ Description string }
		Paths map[string]map[string]operation
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		return nil, err
	}
	var all []operation
	for path, methods := range doc.Paths {
		for _, op := range methods {
			op.Path = path
			all = append(all, op)
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.Path, b.Path) })
	var out bytes.Buffer
	err := apiTemplate.Execute(&out, map[string]any{"Text": doc.Info.Description, "Base": base, "Operations": all})
	return out.Bytes(), err
}

// describeStream adds the stream, which huma does not answer.
func (v *v1) describeStream() {
	registry := v.api.OpenAPI().Components.Schemas
	registry.Schema(typeOf(hello{}), true, "")
	registry.Schema(typeOf(window{}), true, "")
	v.api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "stream", Method: http.MethodGet, Path: "/v1/stream", Summary: "The decided minutes, live", Tags: []string{"stream"},
		Description: "Server-sent events: window for each decided minute (schema Window), hello at the beginning and when what is said of the state has changed, reset where minutes were missed that are not kept any more (both schema Hello). " +
			"The id of an event names its minute in every process that reads the same topics; Last-Event-ID goes on after it.",
		Parameters: []*huma.Param{{Name: "Last-Event-ID", In: "header", Schema: &huma.Schema{Type: huma.TypeString}, Description: "The id of the last event that was taken."}},
		Responses:  map[string]*huma.Response{"200": {Description: "Events.", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}},
	})
}
