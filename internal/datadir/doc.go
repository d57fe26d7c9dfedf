// Package datadir manages the folder with all local state of darkmap: VERSION, kafka/, clickhouse/,
// and run.json while an instance runs. One process at a time holds the folder. Other processes find
// it through run.json.
package datadir
