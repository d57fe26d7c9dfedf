package strimzi

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.yaml.in/yaml/v3"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

var update = flag.Bool("update", false, "write users.yaml")

// A kafkaUser is a user of Strimzi, with the fields of kafka.strimzi.io/v1 that are used.
type kafkaUser struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   metadata `yaml:"metadata"`
	Spec       userSpec `yaml:"spec"`
}

type metadata struct {
	Name   string            `yaml:"name"`
	Labels map[string]string `yaml:"labels"`
}

type userSpec struct {
	Authentication kind          `yaml:"authentication"`
	Authorization  authorization `yaml:"authorization"`
}

type kind struct {
	Type string `yaml:"type"`
}

type authorization struct {
	Type string `yaml:"type"`
	ACLs []rule `yaml:"acls"`
}

type rule struct {
	Resource   resource `yaml:"resource"`
	Operations []string `yaml:"operations,flow"`
	Host       string   `yaml:"host"`
}

type resource struct {
	Type        string `yaml:"type"`
	Name        string `yaml:"name"`
	PatternType string `yaml:"patternType"`
}

const head = `# Made from schemas.Accesses by ` + "`make gen`" + `: do not edit. A user for each stage, with the least rights: docs/kafka.md. The names are those
# of an installation without kafka.topic_prefix, of the dataset live.
`

// TestUsers: users.yaml has the rights of the table of rights, and no more.
func TestUsers(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	want.WriteString(head)
	for _, a := range schemas.Accesses {
		b, err := yaml.Marshal(userOf(t, a))
		if err != nil {
			t.Fatal(err)
		}
		want.WriteString("---\n")
		want.Write(b)
	}
	if *update {
		if err := os.WriteFile("users.yaml", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("users.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("users.yaml is not what schemas.Accesses says: run make gen")
	}
}

// userOf returns the user of a stage, with one rule for each resource.
func userOf(t *testing.T, a schemas.Access) kafkaUser {
	t.Helper()
	u := kafkaUser{
		APIVersion: "kafka.strimzi.io/v1", Kind: "KafkaUser",
		Metadata: metadata{Name: "darkmap-" + a.Name, Labels: map[string]string{"strimzi.io/cluster": "darkmap"}},
		Spec:     userSpec{Authentication: kind{"scram-sha-512"}, Authorization: authorization{Type: "simple"}},
	}
	for _, g := range kafka.DefaultConfig().WithDataset(kafka.LiveDataset).Grants(a) {
		r := resourceOf(t, g)
		operation := operationName(g.Operation)
		acls := &u.Spec.Authorization.ACLs
		if i := slices.IndexFunc(*acls, func(x rule) bool { return x.Resource == r }); i >= 0 {
			(*acls)[i].Operations = append((*acls)[i].Operations, operation)
			continue
		}
		*acls = append(*acls, rule{Resource: r, Operations: []string{operation}, Host: "*"})
	}
	return u
}

func resourceOf(t *testing.T, g kafka.Grant) resource {
	t.Helper()
	r := resource{Name: g.Name, PatternType: "literal"}
	if g.Prefixed {
		r.PatternType = "prefix"
	}
	switch g.Resource {
	case kmsg.ACLResourceTypeTopic:
		r.Type = "topic"
	case kmsg.ACLResourceTypeGroup:
		r.Type = "group"
	case kmsg.ACLResourceTypeTransactionalId:
		r.Type = "transactionalId"
	default:
		t.Fatalf("Strimzi has no resource for %v", g)
	}
	return r
}

// operationName returns an operation as Strimzi writes it: ALTER_CONFIGS is AlterConfigs.
func operationName(op kmsg.ACLOperation) string {
	var out strings.Builder
	for word := range strings.SplitSeq(strings.ToLower(op.String()), "_") {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}

// TestUsersEnough: each stage that writes in transactions may use every transactional id that its
// members draw, whatever their pods are called, and a stage without transactions may use none.
func TestUsersEnough(t *testing.T) {
	t.Parallel()
	for _, a := range schemas.Accesses {
		i := slices.IndexFunc(userOf(t, a).Spec.Authorization.ACLs, func(r rule) bool {
			return r.Resource == resource{"transactionalId", "darkmap." + a.Name, "prefix"} && slices.Equal(r.Operations, []string{"Write"})
		})
		if (i >= 0) != a.Transactional {
			t.Errorf("%s: got rule %d, and it is transactional: %t", a.Name, i, a.Transactional)
		}
	}
}
