package schemas_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

// parsed is the output of tools/asyncapi/check.mjs.
type parsed struct {
	Diagnostics []struct {
		Severity            int
		Code, Message, Path string
	}
	Channels []parsedChannel
}

type parsedChannel struct {
	Address    string
	Partitions int32
	Messages   []parsedMessage
}

type parsedMessage struct {
	Name, ContentType string
	Properties        int
}

// parseAsyncAPI reads a document with the reference parser.
func parseAsyncAPI(t *testing.T, path string) parsed {
	t.Helper()
	tool := filepath.Join("..", "tools", "asyncapi")
	if _, err := exec.LookPath("node"); err != nil {
		datatest.Missing(t, "node is not here (install npm): nothing checks the AsyncAPI document")
	}
	if _, err := os.Stat(filepath.Join(tool, "node_modules", "@asyncapi", "parser")); err != nil {
		datatest.Missing(t, "the parser of AsyncAPI is not here (make deps installs it)")
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(tool, "check.mjs"), path)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("parsing %s: %v\n%s", path, err, errs.String())
	}
	var p parsed
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatalf("parsing %s: %v\n%s", path, err, out)
	}
	return p
}

// TestAsyncAPIParser: the reference parser accepts the document without a message, and finds every
// topic in it with its message and fields.
func TestAsyncAPIParser(t *testing.T) {
	t.Parallel()
	got := parseAsyncAPI(t, asyncAPIFile)
	for _, d := range got.Diagnostics {
		t.Errorf("%s: %s: %s", d.Path, d.Code, d.Message)
	}
	var want []parsedChannel
	d := newDefinitions(t)
	for _, topic := range schemas.Topics {
		c := parsedChannel{Address: topic.Name, Partitions: topic.Partitions}
		if topic.PerCollector {
			c.Partitions = kafka.DefaultConfig().Partitions
		}
		m := parsedMessage{Name: messageOf(topic), ContentType: "application/octet-stream"}
		if topic.Value != "" {
			m.ContentType, m.Properties = "application/protobuf", d.messages[topic.Value].Fields().Len()
		} else if topic.JSON != "" {
			_, document := outageSchema(t)
			m.ContentType, m.Properties = "application/json", len(document["properties"].(map[string]any))
		}
		c.Messages = []parsedMessage{m}
		want = append(want, c)
	}
	if diff := cmp.Diff(want, got.Channels); diff != "" {
		t.Errorf("channels (-want +got):\n%s", diff)
	}
}

// TestAsyncAPIParserFindsFaults checks that the parser finds faults.
func TestAsyncAPIParserFindsFaults(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(asyncAPIFile)
	if err != nil {
		t.Fatal(err)
	}
	spoiled := strings.Replace(string(b), "retention.ms: 7776000000", "retention.ms: ninety days", 1)
	path := filepath.Join(t.TempDir(), asyncAPIFile)
	if err := os.WriteFile(path, []byte(spoiled), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := parseAsyncAPI(t, path); len(got.Diagnostics) == 0 || len(got.Channels) != 0 {
		t.Errorf("a document with a retention of ninety days is taken: %+v", got)
	}
}

// payload compiles a schema of the AsyncAPI document. It refuses unknown properties.
func payload(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	b, err := os.ReadFile(asyncAPIFile)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	for _, s := range doc["components"].(map[string]any)["schemas"].(map[string]any) {
		if s := s.(map[string]any); s["properties"] != nil {
			s["additionalProperties"] = false
		}
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.AssertFormat()
	if err := c.AddResource(asyncAPIFile, decode(t, doc)); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(asyncAPIFile + "#/components/schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAsyncAPIPayloads: the schemas of the document accept the golden records of each message, as
// JSON with the names of the .proto files.
func TestAsyncAPIPayloads(t *testing.T) {
	t.Parallel()
	compiled := map[string]*jsonschema.Schema{}
	for name, m := range samples() {
		message := string(m.ProtoReflect().Descriptor().Name())
		if compiled[message] == nil {
			compiled[message] = payload(t, message)
		}
		b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled[message].Validate(decode(t, json.RawMessage(b))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(compiled) < 5 {
		t.Errorf("records of %d messages: too few to be all", len(compiled))
	}
}

// TestAsyncAPIOutage: the document's schema of an outage accepts and refuses the same objects as
// outage.schema.json.
func TestAsyncAPIOutage(t *testing.T) {
	t.Parallel()
	schema := payload(t, outageSchemaName)
	if err := schema.Validate(decode(t, everyField(t))); err != nil {
		t.Error(err)
	}
	for name, spoil := range refusedOutages() {
		o := decode(t, everyField(t)).(map[string]any)
		spoil(o)
		if schema.Validate(o) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
