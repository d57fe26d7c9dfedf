package schemas_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

const (
	asyncAPIFile    = "asyncapi.yaml"
	asyncAPIVersion = "3.1.0"
	// kafkaBinding is the version of the bindings of AsyncAPI for Kafka.
	kafkaBinding = "0.5.0"
)

// TestAsyncAPI compares the AsyncAPI document with the registry of topics, the Protocol Buffers
// with their comments, and the JSON Schema of an outage. `make gen` writes it.
func TestAsyncAPI(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	want.WriteString("# Made by `make gen` from schemas/topics.go, schemas/proto and schemas/outage.schema.json.\n")
	e := yaml.NewEncoder(&want)
	e.SetIndent(2)
	if err := e.Encode(asyncAPI(t)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(asyncAPIFile, want.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(asyncAPIFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not what the registry, the messages and the schema say: run make gen", asyncAPIFile)
	}
}

// object is a mapping that keeps its order. Its members are keys and values in turn. A member
// without a value (nil, "", empty) is left out.
type object []any

// MarshalYAML implements yaml.Marshaler.
func (o object) MarshalYAML() (any, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i < len(o); i += 2 {
		switch v := o[i+1].(type) {
		case nil:
			continue
		case string:
			if v == "" {
				continue
			}
		case object:
			if v == nil {
				continue
			}
		case []any:
			if len(v) == 0 {
				continue
			}
		}
		var key, value yaml.Node
		if err := key.Encode(o[i]); err != nil {
			return nil, err
		}
		if err := value.Encode(o[i+1]); err != nil {
			return nil, err
		}
		n.Content = append(n.Content, &key, &value)
	}
	return n, nil
}

func ref(path ...string) object { return object{"$ref", "#/" + strings.Join(path, "/")} }

func asyncAPI(t *testing.T) object {
	t.Helper()
	d := newDefinitions(t)
	var channels, operations, messages object
	for _, topic := range schemas.Topics {
		name := messageOf(topic)
		channels = append(channels, topic.Name, channel(topic, name, d))
		operations = append(operations, "send."+topic.Name, object{
			"action", "send", "title", "darkmap writes " + topic.Name,
			"channel", ref("channels", topic.Name), "messages",
			[]any{ref("channels", topic.Name, "messages", name)},
		})
		messages = append(messages, name, d.message(topic, name))
	}
	return object{
		"asyncapi", asyncAPIVersion, "info", information(), "defaultContentType", "application/protobuf", "servers", servers(),
		"channels", channels, "operations", operations,
		"components",
		object{
			"messages", messages, "schemas", d.schemas(),
			"securitySchemes",
			object{
				"scram", object{"type", "scramSha256", "description", "User and password: of the embedded Kafka those in run.json, of a cluster the cluster's own."},
			},
		},
	}
}

func information() object {
	return object{
		"title", "darkmap", "version", "1",
		"description", `The topics that darkmap writes. Whoever wants alerts needs bgp.outages.json.v1 alone: any client of Kafka reads it.

A configured prefix (kafka.topic_prefix) goes before each name, and the dataset for all but the live one. Read with isolation level read_committed: records are written
in transactions. Within a version, which ends each name, changes only add: ignore fields that you do not know.

Payloads with content type application/protobuf are Protocol Buffers; x-protobuf names the message and its file in darkmap's repository. Their schemas here describe the same
fields, under their names in the file, as the JSON mapping of Protocol Buffers has them (ProtoJSON): 64-bit integers are text, octets are base64. x-field is the field's number.`,
		"license",
		object{"name", "Apache-2.0", "url", "https://www.apache.org/licenses/LICENSE-2.0"},
	}
}

func servers() object {
	return object{
		"embedded",
		object{
			"host", "127.0.0.1:{port}", "protocol", "kafka", "security",
			[]any{ref("components", "securitySchemes", "scram")},
			"description", "The Kafka of a darkmap up, replay or demo, for programs of the same user. Port and password change with every start: run.json in the data directory has them, and darkmap feeds --print-connection says how to use them. No TLS: it listens on loopback only.",
			"variables",
			object{"port", object{"description", "The port in run.json, kafka."}},
		},
		"cluster",
		object{
			"host", "{broker}", "protocol", "kafka-secure", "description", "The brokers of kafka.brokers in the configuration, where darkmap has no Kafka of its own.",
			"variables",
			object{"broker", object{"description", "Host and port of a broker."}},
		},
	}
}

// messageOf names the message of a topic.
func messageOf(t schemas.Topic) string {
	switch {
	case t.Value != "":
		return t.Value
	case t.JSON != "":
		return outageSchemaName
	default:
		return "AsRead"
	}
}

func channel(t schemas.Topic, message string, d *definitions) object {
	partitions, note := int(t.Partitions), ""
	if t.PerCollector {
		partitions, note = int(kafka.DefaultConfig().Partitions), " The number of partitions is kafka.partitions."
	}
	config, embedded := object{"cleanup.policy", []any{"delete"}, "retention.ms", t.Retention.Milliseconds()}, object{"retention.ms", t.EmbeddedRetention.Milliseconds()}
	if t.EmbeddedBytes > 0 {
		embedded = append(embedded, "retention.bytes", t.EmbeddedBytes/int64(partitions))
	}
	if t.Compacted {
		config = object{"cleanup.policy", []any{"compact"}}
		if t.CompactWithin > 0 {
			config = append(config, "segment.bytes", t.SegmentBytes, "max.compaction.lag.ms", t.CompactWithin.Milliseconds())
		}
	}
	if t.Compacted && t.EmbeddedBytes == 0 {
		embedded = nil
	}
	return object{
		"address", t.Name, "title", t.Name, "description", d.holds(t) + " The key is: " + t.Key + "." + note,
		"messages",
		object{message, ref("components", "messages", message)},
		"bindings",
		object{"kafka", object{
			"topic", t.Name, "partitions", partitions, "topicConfiguration", append(config, "message.timestamp.type", "LogAppendTime"), "bindingVersion", kafkaBinding,
		}},
		"x-embedded", embedded,
	}
}

// message describes the records of a topic.
func (d *definitions) message(t schemas.Topic, name string) object {
	m := object{"name", name, "title", name, "summary", d.holds(t)}
	switch {
	case t.Value != "":
		file := d.files[t.Value]
		m = append(m, "contentType", "application/protobuf", "payload", ref("components", "schemas", t.Value), "x-protobuf", object{"message", "darkmap.v1." + t.Value, "file", file})
	case t.JSON != "":
		m = append(m, "contentType", schemas.ContentTypeJSON, "payload", ref("components", "schemas", name))
	default:
		m = append(m, "contentType", "application/octet-stream")
	}
	return append(m, "headers", headers(t.Headers), "bindings", object{"kafka", object{
		"key", object{"type", "string", "description", fmt.Sprintf("The %s.", t.Key)}, "bindingVersion", kafkaBinding,
	}})
}

func headers(all []schemas.Header) object {
	if len(all) == 0 {
		return nil
	}
	var properties object
	for _, h := range all {
		properties = append(properties, h.Name, object{"type", "string", "description", h.Meaning})
	}
	return object{"type", "object", "properties", properties}
}
