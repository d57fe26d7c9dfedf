package prometheus

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/datatest"
)

type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string  `yaml:"name"`
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	datatest.StrictYAML(t, "rules.yaml", &file)
	var all []alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no alerts")
	}
	return all
}

// TestAlerts: each alert fires where it should and is silent where it should, by tests.yaml.
func TestAlerts(t *testing.T) {
	t.Parallel()
	var file struct {
		RuleFiles []string `yaml:"rule_files"`
		Every     string   `yaml:"evaluation_interval"`
		Tests     []struct {
			Name     string              `yaml:"name"`
			Interval string              `yaml:"interval"`
			Series   []map[string]string `yaml:"input_series"`
			Alerts   []struct {
				Name     string `yaml:"alertname"`
				At       string `yaml:"eval_time"`
				Expected []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	datatest.StrictYAML(t, "tests.yaml", &file)
	firing, silent := map[string]int{}, map[string]int{}
	for _, test := range file.Tests {
		for _, a := range test.Alerts {
			if len(a.Expected) > 0 {
				firing[a.Name]++
			} else if len(test.Series) > 0 {
				silent[a.Name]++
			}
		}
	}
	for _, a := range alerts(t) {
		if firing[a.Alert] == 0 || silent[a.Alert] == 0 {
			t.Errorf("%s: tests.yaml has %d tests in which it fires and %d in which it does not", a.Alert, firing[a.Alert], silent[a.Alert])
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		datatest.Missing(t, "there is no promtool: apt-get install prometheus")
	}
	for _, args := range [][]string{{"check", "rules", "rules.yaml"}, {"test", "rules", "tests.yaml"}, {"check", "config", "--syntax-only", "prometheus.yaml"}} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestRunbook: each alert has a severity, and a heading in the runbook, where its URL leads; the
// runbook has no others.
func TestRunbook(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	var headings []string
	for _, m := range regexp.MustCompile(`(?m)^## (Darkmap\w+)$`).FindAllSubmatch(page, -1) {
		headings = append(headings, string(m[1]))
	}
	for _, a := range alerts(t) {
		if want := "https://github.com/darkmap/darkmap/blob/main/docs/runbook.md#" + strings.ToLower(a.Alert); a.Annotations["runbook_url"] != want {
			t.Errorf("%s: got the URL %s, want %s", a.Alert, a.Annotations["runbook_url"], want)
		}
		if !slices.Contains([]string{"critical", "warning"}, a.Labels["severity"]) || a.Annotations["summary"] == "" {
			t.Errorf("%s: got the labels %v and annotations %v", a.Alert, a.Labels, a.Annotations)
		}
		if i := slices.Index(headings, a.Alert); i < 0 {
			t.Errorf("docs/runbook.md has no heading %s", a.Alert)
		} else {
			headings = slices.Delete(headings, i, i+1)
		}
	}
	if len(headings) > 0 {
		t.Errorf("docs/runbook.md has headings without an alert: %q", headings)
	}
}

// TestMetrics: the metrics that alerts ask for exist with the labels that the alerts name.
// docs/metrics.md is generated from the code.
func TestMetrics(t *testing.T) {
	t.Parallel()
	types, labels := datatest.Metrics(t)
	for _, a := range alerts(t) {
		names := regexp.MustCompile(`darkmap_[a-z_]+`).FindAllString(a.Expr, -1)
		if len(names) == 0 && a.Alert != "DarkmapTargetDown" {
			t.Errorf("%s asks for no metric of darkmap", a.Alert)
		}
		for _, n := range names {
			if types[n] == "" {
				t.Errorf("%s: docs/metrics.md has no %s", a.Alert, n)
			}
			counted := regexp.MustCompile(`(rate|increase)\(` + n + `\b`).MatchString(a.Expr)
			if counted != (types[n] == "counter") {
				t.Errorf("%s: %s is a %s", a.Alert, n, types[n])
			}
			for _, m := range regexp.MustCompile(`by \((\w+)\) \(`+n).FindAllStringSubmatch(a.Expr, -1) {
				if !strings.Contains(labels[n], "`"+m[1]+"`") {
					t.Errorf("%s: %s has the labels %s, not %s", a.Alert, n, labels[n], m[1])
				}
			}
		}
	}
}
