package schemas

import "embed"

// ClickHouse holds the migrations, clickhouse/NNNN_name.sql. They are templates that
// internal/clickhouse renders for its target.
//
//go:embed clickhouse/*.sql
var ClickHouse embed.FS
