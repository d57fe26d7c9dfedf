package schemas_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/schemas"
)

// TestAccesses: the table of rights names topics of the registry and its own stages, each once, and
// docs/kafka.md contains the table.
func TestAccesses(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/kafka.md")
	if err != nil {
		t.Fatal(err)
	}
	var topics []string
	for _, topic := range schemas.Topics {
		topics = append(topics, topic.Name)
	}
	seen := map[string]bool{}
	for _, a := range schemas.Accesses {
		if found, ok := schemas.AccessOf(a.Name); !ok || seen[a.Name] || found.Name != a.Name {
			t.Errorf("%s stands twice in the table, or is not found", a.Name)
		}
		seen[a.Name] = true
		for _, list := range [][]string{a.Read, a.Write, a.Describe, a.Create} {
			for i, name := range list {
				if !slices.Contains(topics, name) || slices.Contains(list[:i], name) {
					t.Errorf("%s: %s stands twice or is no topic", a.Name, name)
				}
			}
		}
		if line := accessLine(a); !strings.Contains(string(page), line+"\n") {
			t.Errorf("docs/kafka.md does not have the line\n%s", line)
		}
	}
	for _, a := range schemas.Accesses {
		for _, stage := range a.DescribeGroups {
			if other, ok := schemas.AccessOf(stage); !ok || !other.Group {
				t.Errorf("%s describes the group of %s, which has none", a.Name, stage)
			}
		}
	}
	if _, ok := schemas.AccessOf("nobody"); ok {
		t.Error("a row that is not there was found")
	}
}

// groupOf returns the group of a stage, with * if the name of the group may go on.
func groupOf(stage string) string {
	if a, ok := schemas.AccessOf(stage); ok && a.Apart {
		return "darkmap." + stage + "*"
	}
	return "darkmap." + stage
}

// accessLine returns a row of the table in docs/kafka.md.
func accessLine(a schemas.Access) string {
	var groups []string
	if a.Group {
		groups = append(groups, "READ "+groupOf(a.Name))
	}
	for _, stage := range a.DescribeGroups {
		groups = append(groups, "DESCRIBE "+groupOf(stage))
	}
	transactional := ""
	if a.Transactional {
		transactional = "WRITE darkmap." + a.Name + "*"
	}
	short := func(names []string) string {
		var out []string
		for _, n := range names {
			out = append(out, strings.TrimSuffix(strings.TrimPrefix(n, schemas.TopicsBegin), ".v1"))
		}
		return strings.Join(out, ", ")
	}
	others := short(a.Describe)
	if others != "" {
		others = "DESCRIBE " + others
	}
	if len(a.Create) > 0 {
		others = "CREATE, DESCRIBE and ALTER_CONFIGS on all"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s |", a.Name, short(a.Read), short(a.Write), others, strings.Join(groups, ", "), transactional)
}
