package grafana

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// gridWidth is the width of Grafana's grid.
const gridWidth = 24

// tag is on all boards. Their menu lists all boards with this tag.
const tag = "darkmap"

// dashboardV1 is a dashboard as a file holds it. The SDK prefers the second version of dashboards.
type dashboardV1 = dashboard.Dashboard //nolint:staticcheck // Grafana 11 does not read the second version

// render makes the dashboard of a board.
func (b board) render() *dashboardV1 {
	d := dashboard.NewDashboard()
	d.Uid, d.Title, d.Description = new("darkmap-"+b.name), new(b.title), new(b.description)
	d.Tags, d.Timezone, d.Refresh = []string{tag}, new("utc"), new("1m")
	d.GraphTooltip = new(dashboard.DashboardCursorSyncCrosshair)
	d.Time = &dashboard.DashboardDashboardTime{From: b.from, To: "now"}
	d.Links = []dashboard.DashboardLink{{
		Title: "Boards of darkmap", Type: dashboard.DashboardLinkTypeDashboards, Icon: "external link",
		Tooltip: "the other boards, with the same time and dataset", Tags: []string{tag},
		AsDropdown: true, IncludeVars: true, KeepTime: true,
	}}
	for _, v := range b.variables {
		d.Templating.List = append(d.Templating.List, v.render())
	}
	for _, a := range b.annotations {
		d.Annotations.List = append(d.Annotations.List, a.render())
	}
	var x, y, row uint32
	for i, p := range b.panels {
		if x+p.width > gridWidth {
			x, y, row = 0, y+row, 0
		}
		made := p.render(uint32(i) + 1)
		made.GridPos = &dashboard.GridPos{H: p.height, W: p.width, X: x, Y: y}
		d.Panels = append(d.Panels, dashboard.PanelOrRowPanel{Panel: made})
		x, row = x+p.width, max(row, p.height)
	}
	return d
}

// render makes a variable. Grafana reads its values again when a board is loaded and when the time
// changes.
func (v variable) render() dashboard.VariableModel {
	m := dashboard.VariableModel{Name: v.name, Label: new(v.label), Description: new(v.description)}
	if v.hidden {
		m.Hide = new(dashboard.VariableHideHideVariable)
	}
	if v.all {
		m.IncludeAll = new(true)
		m.Current = &dashboard.VariableOption{
			Text:  dashboard.StringOrArrayOfString{String: new("All")},
			Value: dashboard.StringOrArrayOfString{String: new("$__all")},
		}
	}
	switch {
	case v.source != "":
		m.Type, m.Query = dashboard.VariableTypeDatasource, &dashboard.StringOrMap{String: new(v.source)}
		return m
	case v.options != "":
		m.Type, m.Query = dashboard.VariableTypeCustom, &dashboard.StringOrMap{String: new(v.options)}
	default:
		m.Type, m.Datasource, m.Refresh, m.Definition = dashboard.VariableTypeQuery,
			ref(storePlugin, "source"), new(dashboard.VariableRefreshOnTimeRangeChanged), new(v.sql)
		m.Query, m.Sort = &dashboard.StringOrMap{
			Map: map[string]any{"refId": "var", "queryType": "sql", "rawSql": v.sql},
		}, new(dashboard.VariableSortDisabled)
	}
	m.Multi, m.AllowCustomValue = new(v.several), new(v.free)
	return m
}

func (a annotation) render() dashboard.AnnotationQuery {
	q := newQuery(a.sql, false)
	q.RefID = "annotation"
	return dashboard.AnnotationQuery{
		Name: a.name, Datasource: ref(storePlugin, "source"), Enable: true, IconColor: a.colour, Target: q,
	}
}

// render makes a panel, without its position.
func (p panel) render(id uint32) *dashboard.Panel {
	made := &dashboard.Panel{
		Id: &id, Title: new(p.title), Description: new(p.description), Datasource: ref(storePlugin, "source"),
		FieldConfig: &dashboard.FieldConfigSource{
			Defaults: p.defaults(), Overrides: []dashboard.DashboardFieldConfigSourceOverrides{},
		},
	}
	if p.interval != "" {
		made.Interval = new(p.interval)
	}
	if len(p.series) > 0 {
		made.Datasource = ref("prometheus", "prometheus")
	} else {
		made.Targets = append(made.Targets, newQuery(p.sql, p.kind == lines || p.kind == bars))
	}
	for i, s := range p.series {
		made.Targets = append(made.Targets, prometheus.Dataquery{
			RefId: new(string(rune('A' + i))), Datasource: ref("prometheus", "prometheus"), Expr: s.expr,
			LegendFormat: new(s.legend), Range: new(true),
		})
	}
	for _, c := range p.columns {
		made.FieldConfig.Overrides = append(made.FieldConfig.Overrides, c.render(p.kind))
	}
	made.Type, made.Options = p.options()
	return made
}

// render makes the overrides for one column.
func (c column) render(k kind) dashboard.DashboardFieldConfigSourceOverrides {
	var all []dashboard.DynamicConfigValue
	set := func(id string, value any) { all = append(all, dashboard.DynamicConfigValue{Id: id, Value: value}) }
	if c.title != "" {
		set("displayName", c.title)
	}
	if c.unit != "" {
		set("unit", c.unit)
	}
	if c.width > 0 {
		set("custom.width", c.width)
	}
	if c.hidden && k == rows {
		set("custom.hidden", true)
	}
	if len(c.links) > 0 {
		var links []map[string]any
		for _, l := range c.links {
			links = append(links, map[string]any{"title": l.title, "url": l.url})
		}
		set("links", links)
	}
	return dashboard.DashboardFieldConfigSourceOverrides{
		Matcher: dashboard.MatcherConfig{Id: "byName", Options: c.name}, Properties: all,
	}
}

// defaults returns the settings of all columns of a panel.
func (p panel) defaults() dashboard.FieldConfig {
	f := dashboard.FieldConfig{
		NoValue: new(p.empty), Color: &dashboard.FieldColor{Mode: dashboard.FieldColorModeIdPaletteClassic},
	}
	if p.unit != "" {
		f.Unit = new(p.unit)
	}
	if p.red > 0 {
		f.Color.Mode = dashboard.FieldColorModeIdThresholds
		f.Thresholds = &dashboard.ThresholdsConfig{
			Mode:  dashboard.ThresholdsModeAbsolute,
			Steps: []dashboard.Threshold{{Color: "green"}, {Color: "red", Value: new(p.red)}},
		}
	}
	switch p.kind {
	case rows:
		f.Custom = &common.TableFieldOptions{Align: common.FieldTextAlignmentAuto}
	case lines, bars:
		custom := common.NewGraphFieldConfig()
		custom.DrawStyle, custom.ShowPoints = new(common.GraphDrawStyleLine), new(common.VisibilityModeNever)
		custom.LineInterpolation, custom.FillOpacity = new(common.LineInterpolationStepAfter), new(5.0)
		custom.SpanNulls = &common.BoolOrFloat64{Bool: new(true)}
		if p.kind == bars {
			custom.DrawStyle, custom.FillOpacity = new(common.GraphDrawStyleBars), new(80.0)
			custom.SpanNulls = nil
			custom.Stacking = &common.StackingConfig{Mode: new(common.StackingModeNormal), Group: new("A")}
		}
		f.Custom, f.Min = custom, new(0.0)
		if strings.Contains(p.sql, "AS series") {
			f.DisplayName = new("${__field.labels.series}")
		}
	case numbers, worldMap:
	}
	return f
}

// lossLayer colours and sizes a country by its loss.
func lossLayer() common.MapLayerOptions {
	return common.MapLayerOptions{
		Type: "markers", Name: "loss", Tooltip: new(true),
		Location: &common.FrameGeometrySource{
			Mode: common.FrameGeometrySourceModeLookup, Lookup: new("country"),
			Gazetteer: new("public/gazetteer/countries.json"),
		},
		Config: map[string]any{
			"showLegend": true,
			"style": map[string]any{
				"color":   map[string]any{"field": "loss_percent", "fixed": "dark-green"},
				"size":    map[string]any{"field": "loss_percent", "fixed": 5, "min": 3, "max": 20},
				"opacity": 0.6,
				"symbol":  map[string]any{"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
			},
		},
	}
}

// url returns the address of a board, with the store and the dataset of the current board, and
// rest.
func url(board, rest string) string {
	return "/d/darkmap-" + board + "?var-source=${source}&var-dataset=${dataset}" + rest
}
