package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/darkmap/darkmap/schemas"
	"github.com/darkmap/darkmap/serve"
)

// openAPI is the OpenAPI document of /v1. A test writes it.
//
//go:embed openapi.json
var openAPI []byte

const documentText = "Outages of the Internet as BGP shows them: what is open, what was, " +
	"and how visible countries, networks and prefixes are. Only what can be read is here. " +
	"Times are RFC 3339 in UTC; space counts /24s (IPv4) or /48s (IPv6). Fields are only ever added. " +
	"Errors are problem details (RFC 9457). " +
	"Names of networks, regions and watch lists are the words of others."

// typeOf returns the type of a value.
func typeOf(v any) reflect.Type { return reflect.TypeOf(v) }

// document returns the whole OpenAPI document of /v1.
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

// open allows objects to have properties that the document does not describe.
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

// rebase makes the references within a schema begin at its place in the document.
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

// Document returns the committed OpenAPI document of /v1.
func Document() []byte { return openAPI }

// documents returns the route to the document.
func (s *service) documents() []serve.Route {
	body := bytes.Replace(openAPI, []byte(`"url": "/"`), []byte(`"url": "`+s.Base+`/"`), 1)
	return []serve.Route{{
		Pattern: "GET /openapi.json", Form: serve.FormData,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if serve.Fresh(w, r, s.Version, r.URL.Path) {
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(body) // the client may be gone
		}),
	}}
}

// describeStream adds the stream to the document, since huma does not answer it.
func (v *v1) describeStream() {
	registry := v.api.OpenAPI().Components.Schemas
	registry.Schema(typeOf(hello{}), true, "")
	registry.Schema(typeOf(window{}), true, "")
	v.api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "stream", Method: http.MethodGet, Path: "/v1/stream",
		Summary: "The decided minutes, live", Tags: []string{"stream"},
		Description: "Server-sent events: window for each decided minute (schema Window), " +
			"hello at the beginning and when what is said of the state has changed, " +
			"reset where minutes were missed that are not kept any more (both schema Hello). " +
			"The id of an event names its minute in every process that reads the same topics; " +
			"Last-Event-ID goes on after it.",
		Parameters: []*huma.Param{
			{
				Name: "Last-Event-ID", In: "header", Schema: &huma.Schema{Type: huma.TypeString},
				Description: "The id of the last event that was taken.",
			},
		},
		Responses: map[string]*huma.Response{
			"200": {
				Description: "Events.",
				Content: map[string]*huma.MediaType{
					"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}},
				},
			},
		},
	})
}
