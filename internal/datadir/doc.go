// Package datadir keeps the folder that holds everything a machine's darkmap remembers: VERSION, kafka/, clickhouse/, and
// run.json while an instance runs. One process at a time has it; others find that process through run.json.
package datadir
