package grafana

import (
	"encoding/json"
	"errors"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
)

// storePlugin is the official plugin for ClickHouse. The SDK has no types of its queries: the type
// query replaces them.
const storePlugin = "grafana-clickhouse-datasource"

// Formats of an answer, by the numbers of the plugin.
const (
	formatSeries = 0
	formatTable  = 1
)

// query is a query to the store, in the form of version 4 of the plugin.
type query struct {
	RefID         string                `json:"refId"`
	Datasource    *common.DataSourceRef `json:"datasource"`
	EditorType    string                `json:"editorType"`
	QueryType     string                `json:"queryType"`
	Format        int                   `json:"format"`
	PluginVersion string                `json:"pluginVersion"`
	RawSQL        string                `json:"rawSql"`
}

// newQuery makes the query of a panel.
func newQuery(sql string, series bool) query {
	q := query{
		RefID: "A", Datasource: ref(storePlugin, "source"), EditorType: "sql", QueryType: "table",
		Format: formatTable, PluginVersion: "4.20.0", RawSQL: sql,
	}
	if series {
		q.QueryType, q.Format = "timeseries", formatSeries
	}
	return q
}

// ref names a data source by the variable that chooses it.
func ref(plugin, variable string) *common.DataSourceRef {
	uid := "${" + variable + "}"
	return &common.DataSourceRef{Type: &plugin, Uid: &uid}
}

// ImplementsDataqueryVariant marks the type as a query of a data source.
func (query) ImplementsDataqueryVariant() {}

// DataqueryType returns the plugin that answers the query.
func (query) DataqueryType() string { return storePlugin }

// Validate reports a query without SQL.
func (q query) Validate() error {
	if q.RawSQL == "" {
		return errors.New("rawSql is empty")
	}
	return nil
}

// Equals compares two queries.
func (q query) Equals(other variants.Dataquery) bool {
	o, ok := other.(query)
	if !ok {
		return false
	}
	a, errA := json.Marshal(q)
	b, errB := json.Marshal(o)
	return errA == nil && errB == nil && string(a) == string(b)
}
