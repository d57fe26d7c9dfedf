package grafana

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/datatest"
)

var (
	metricUse   = regexp.MustCompile(`(rate\()?(darkmap_[a-z_]+)`)
	labelUse    = regexp.MustCompile(`by \(([a-z, ]+)\)`)
	legendLabel = regexp.MustCompile(`\{\{([a-z]+)\}\}`)
)

// TestMetrics: the metrics in the panels' queries to Prometheus exist, with the right type and
// labels, by docs/metrics.md, which is made from the code.
func TestMetrics(t *testing.T) {
	t.Parallel()
	types, labels := datatest.Metrics(t)
	for name, kind := range maps.Clone(types) {
		if kind == "histogram" {
			types[name+"_bucket"], labels[name+"_bucket"] = kind, "`le`"
		}
	}
	asked := 0
	for _, b := range boards() {
		for _, p := range b.panels {
			for _, s := range p.series {
				uses := metricUse.FindAllStringSubmatch(s.expr, -1)
				asked += len(uses)
				if len(uses) != 1 || strings.Count(s.expr, "(") != strings.Count(s.expr, ")") {
					t.Errorf("%s: want one metric, and as many ( as )", s.expr)
					continue
				}
				name, rate := uses[0][2], uses[0][1] != ""
				if typ := types[name]; typ == "" || rate != (typ != "gauge") {
					t.Errorf("%s: %s is a %q in docs/metrics.md", s.expr, name, typ)
				}
				var by []string
				if m := labelUse.FindStringSubmatch(s.expr); m != nil {
					by = strings.Split(m[1], ", ")
				}
				for _, l := range by {
					if !strings.Contains(labels[name], "`"+l+"`") {
						t.Errorf("%s: %s has the labels %s", s.expr, name, labels[name])
					}
				}
				for _, m := range legendLabel.FindAllStringSubmatch(s.legend, -1) {
					if !slices.Contains(by, m[1]) {
						t.Errorf("%s: the name of its series has %s, which is no label of the result", s.expr, m[1])
					}
				}
			}
		}
	}
	if asked < 10 {
		t.Errorf("%d metrics are asked for", asked)
	}
}
