package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/geomap"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// options returns the type of a panel, as Grafana calls it, and its options.
func (p panel) options() (plugin string, options any) {
	switch p.kind {
	case numbers:
		o := stat.NewOptions()
		o.GraphMode, o.ReduceOptions, o.Orientation = common.BigValueGraphModeNone,
			common.ReduceDataOptions{Calcs: []string{"lastNotNull"}}, common.VizOrientationAuto
		return "stat", o
	case rows:
		o := table.NewOptions()
		o.Footer = nil
		return "table", o
	case worldMap:
		o := geomap.NewOptions()
		o.View = geomap.MapViewConfig{Id: "coords", Lat: new(int64(20)), Lon: new(int64(10)), Zoom: new(int64(1))}
		o.Controls = geomap.ControlsOptions{
			ShowZoom: new(true), MouseWheelZoom: new(false), ShowAttribution: new(true),
		}
		o.Basemap = common.MapLayerOptions{Type: "default", Name: "map"}
		o.Layers, o.Tooltip = []common.MapLayerOptions{lossLayer()},
			geomap.TooltipOptions{Mode: geomap.TooltipModeDetails}
		return "geomap", o
	case lines, bars:
	}
	o := timeseries.NewOptions()
	o.Legend = common.VizLegendOptions{
		DisplayMode: common.LegendDisplayModeList, Placement: common.LegendPlacementBottom,
		ShowLegend: true, Calcs: []string{},
	}
	o.Tooltip = common.VizTooltipOptions{Mode: common.TooltipDisplayModeMulti, Sort: common.SortOrderDescending}
	return "timeseries", o
}
