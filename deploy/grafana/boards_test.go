package grafana

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/geomap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

var update = flag.Bool("update", false, "write the boards")

// strict decodes a query to the store. A field that query does not have is an error, and so is a
// field in other letter case: encoding/json ignores case, Grafana does not.
func strict(raw []byte) (variants.Dataquery, error) {
	var q query
	var got, want map[string]any
	if err := errors.Join(json.Unmarshal(raw, &q), json.Unmarshal(raw, &got)); err != nil {
		return nil, err
	}
	again, err := json.Marshal(q)
	if err := errors.Join(err, json.Unmarshal(again, &want)); err != nil {
		return nil, err
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return nil, fmt.Errorf("a query is not as the plugin keeps it (-want +got):\n%s", diff)
	}
	return q, nil
}

// faults returns the error of the SDK's strict decoding. Without an error the SDK returns an empty
// list of errors, which is not nil.
func faults(err error) error {
	var list cog.BuildErrors
	if errors.As(err, &list) && len(list) == 0 {
		return nil
	}
	return err
}

// decode decodes a dashboard strictly: an unknown or a missing field is an error, in options of
// panels and in queries, too. The SDK ignores unknown fields of a panel's fieldConfig, so decode
// decodes the fieldConfig once more.
func decode(raw []byte) error {
	r := cog.NewRuntime()
	r.RegisterDataqueryVariant(variants.DataqueryConfig{Identifier: storePlugin, DataqueryUnmarshaler: strict, StrictDataqueryUnmarshaler: strict})
	r.RegisterDataqueryVariant(prometheus.VariantConfig())
	for _, v := range []variants.PanelcfgConfig{stat.VariantConfig(), table.VariantConfig(), timeseries.VariantConfig(), geomap.VariantConfig()} {
		r.RegisterPanelcfgVariant(v)
	}
	all := []error{faults((&dashboardV1{}).UnmarshalJSONStrict(raw))}
	var d struct {
		Panels []struct{ FieldConfig json.RawMessage }
	}
	all = append(all, json.Unmarshal(raw, &d))
	for i, p := range d.Panels {
		if err := faults((&dashboard.FieldConfigSource{}).UnmarshalJSONStrict(p.FieldConfig)); err != nil {
			all = append(all, fmt.Errorf("panels[%d].fieldConfig: %w", i, err))
		}
	}
	return errors.Join(all...)
}

// TestBoards compares dashboards/ with the boards of this package, and decodes it strictly. -update
// writes it.
func TestBoards(t *testing.T) {
	t.Parallel()
	var names []string
	for _, b := range boards() {
		path := filepath.Join("dashboards", b.name+".json")
		names = append(names, path)
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		d := b.render()
		if err := errors.Join(e.Encode(d), d.Validate()); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s is not what this package describes (%v): make gen", path, err)
		}
		if err := decode(got); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if found, err := filepath.Glob("dashboards/*"); err != nil || len(found) != len(names) {
		t.Errorf("dashboards has %v, %v, want %v", found, err, names)
	}
}

// TestStrict: faults that Grafana would ignore are errors of TestBoards.
func TestStrict(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("dashboards/world.json")
	if err != nil {
		t.Fatal(err)
	}
	for old, wrong := range map[string]string{
		`"rawSql":`:      `"rawSQL":`,
		`"noValue":`:     `"noData":`,
		`"graphMode":`:   `"graph":`,
		`"drawStyle":`:   `"draw":`,
		`"gazetteer":`:   `"gazette":`,
		`"cellHeight":`:  `"height":`,
		`"includeAll":`:  `"all":`,
		`"uid": "dark`:   `"id": "dark`,
		`"interval": "1`: `"minimum": "1`,
	} {
		broken := bytes.Replace(raw, []byte(old), []byte(wrong), 1)
		if bytes.Equal(broken, raw) {
			t.Errorf("the board has no %s", old)
		} else if err := decode(broken); err == nil {
			t.Errorf("%s in the place of %s is read without an error", wrong, old)
		}
	}
}

var variableUse = regexp.MustCompile(`\$\{([a-z_]+)(?::[a-z]+)?\}`)

// TestPanels: each panel has a description, a unit, and a text for an empty answer. It uses only
// variables of its board.
func TestPanels(t *testing.T) {
	t.Parallel()
	for _, b := range boards() {
		known := map[string]bool{}
		for _, v := range b.variables {
			if v.label == "" || v.description == "" || known[v.name] {
				t.Errorf("%s: the variable %s needs a label and a description, once", b.name, v.name)
			}
			for _, m := range variableUse.FindAllStringSubmatch(v.sql, -1) {
				if !known[m[1]] {
					t.Errorf("%s: %s asks for %s, which does not stand before it", b.name, v.name, m[1])
				}
			}
			known[v.name] = true
		}
		titles := map[string]bool{}
		for _, p := range b.panels {
			name := b.name + ", " + p.title
			if titles[p.title] {
				t.Errorf("%s stands twice", name)
			}
			titles[p.title] = true
			if len(p.description) < 30 || !strings.HasSuffix(p.description, ".") || p.empty == "" || p.width == 0 || p.height < 4 {
				t.Errorf("%s: got %q and %q, want sentences, and a size", name, p.description, p.empty)
			}
			if (p.kind != rows) != (p.unit != "") {
				t.Errorf("%s: the unit is %q", name, p.unit)
			}
			if (p.sql == "") == (len(p.series) == 0) {
				t.Errorf("%s: want either SQL or metrics", name)
			}
			for _, m := range variableUse.FindAllStringSubmatch(p.sql, -1) {
				if !known[m[1]] {
					t.Errorf("%s uses the variable %s, which the board has not", name, m[1])
				}
			}
		}
	}
}

var (
	linkBoard = regexp.MustCompile(`^/d/darkmap-([a-z]+|\$\{__data\.fields\.board\})\?`)
	linkUse   = regexp.MustCompile(`var-([a-z]+)=`)
)

// TestLinks: a link leads to an existing board, and sets variables of that board.
func TestLinks(t *testing.T) {
	t.Parallel()
	has := map[string][]string{}
	for _, b := range boards() {
		for _, v := range b.variables {
			has[b.name] = append(has[b.name], v.name)
		}
	}
	led := map[string]bool{}
	for _, b := range boards() {
		for _, p := range b.panels {
			for _, c := range p.columns {
				for _, l := range c.links {
					m := linkBoard.FindStringSubmatch(l.url)
					if m == nil {
						t.Errorf("%s, %s: %s", b.name, p.title, l.url)
						continue
					}
					to := []string{m[1]}
					if strings.HasPrefix(m[1], "$") {
						to = []string{"country", "as", "prefix", "watch"} // the world has no outages of its own
					}
					for _, name := range to {
						led[name] = true
						for _, use := range linkUse.FindAllStringSubmatch(l.url, -1) {
							if !slices.Contains(has[name], use[1]) {
								t.Errorf("%s, %s: the board %q has no variable %s", b.name, p.title, name, use[1])
							}
						}
					}
				}
			}
		}
	}
	for _, name := range []string{"outage", "country", "as", "prefix", "watch"} {
		if !led[name] {
			t.Errorf("no link leads to %s", name)
		}
	}
}
