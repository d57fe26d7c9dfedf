package clickhouse

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/template"
)

const defaultEngineMemory = 1_500_000_000

// engineFiles are where the engine's things are.
type engineFiles struct{ data, ports string }

// engineXML is the server's configuration: two cores, one user, little memory, no logs in tables.
var engineXML = template.Must(template.New("engine.xml").Parse(`<clickhouse>
  <log-level>warning</log-level>
  <logger><log>{{.Log}}</log><size>10M</size><count>1</count><console>false</console></logger>
  <users_config>{{.Users}}</users_config>
  <tmp_path>{{.Temp}}</tmp_path>
  <user_files_path>{{.Files}}</user_files_path>
  <max_server_memory_usage>{{.Memory}}</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
  <index_mark_cache_size>16777216</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <query_cache><max_size_in_bytes>0</max_size_in_bytes></query_cache>
  <max_connections>200</max_connections>
  <background_pool_size>2</background_pool_size>
  <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_buffer_flush_schedule_pool_size>1</background_buffer_flush_schedule_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <background_message_broker_schedule_pool_size>1</background_message_broker_schedule_pool_size>
  <background_distributed_schedule_pool_size>1</background_distributed_schedule_pool_size>
  <asynchronous_metrics_update_period_s>60</asynchronous_metrics_update_period_s>
  <asynchronous_heavy_metrics_update_period_s>600</asynchronous_heavy_metrics_update_period_s>
  <merge_tree>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
</clickhouse>
`))

// usersXML: the server's own session runs as default, which has no password: it may do nothing but start to listen, and has
// a quota of as many queries as it needs itself; StartEngine uses up the same quota of those who come over the network. Everybody else is the user with the password.
var usersXML = template.Must(template.New("users.xml").Parse(`<clickhouse>
  <profiles>
    <default>
      <query_profiler_real_time_period_ns>0</query_profiler_real_time_period_ns>
      <query_profiler_cpu_time_period_ns>0</query_profiler_cpu_time_period_ns>
      <async_insert>0</async_insert>
      <log_queries>0</log_queries>
    </default>
  </profiles>
  <quotas>
    <default/>
    <start><interval><duration>2000000000</duration><queries>2</queries></interval></start>
  </quotas>
  <users>
    <default>
      <password></password>
      <profile>default</profile>
      <quota>start</quota>
      <networks><ip>127.0.0.1</ip></networks>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
      </grants>
    </default>
    <{{.User}}>
      <password_sha256_hex>{{.Hash}}</password_sha256_hex>
      <profile>default</profile>
      <quota>default</quota>
      <networks><ip>::1</ip><ip>127.0.0.1</ip></networks>
    </{{.User}}>
  </users>
</clickhouse>
`))

// writeEngineFiles makes the engine's folder ready for a start.
func writeEngineFiles(cfg EngineConfig, password string) (engineFiles, error) {
	files := engineFiles{data: filepath.Join(cfg.Dir, "data"), ports: filepath.Join(cfg.Dir, "ports.tsv")}
	for _, dir := range []string{cfg.Dir, files.data, filepath.Join(cfg.Dir, "tmp"), filepath.Join(cfg.Dir, "user_files")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return files, fmt.Errorf("creating the engine's folder: %w", err)
		}
	}
	if err := os.Remove(files.ports); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return files, fmt.Errorf("removing the last start's ports: %w", err)
	}
	memory := cfg.MemoryBytes
	if memory == 0 {
		memory = defaultEngineMemory
	}
	err := writeXML(filepath.Join(cfg.Dir, "engine.xml"), engineXML, map[string]any{
		"Log": escape(filepath.Join(cfg.Dir, "engine.log")), "Users": escape(filepath.Join(cfg.Dir, "users.xml")),
		"Temp": escape(filepath.Join(cfg.Dir, "tmp") + "/"), "Files": escape(filepath.Join(cfg.Dir, "user_files") + "/"), "Memory": memory,
	})
	if err != nil {
		return files, err
	}
	return files, writeXML(filepath.Join(cfg.Dir, "users.xml"), usersXML, map[string]any{"User": engineUser, "Hash": hash(password)})
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return b.String()
}

func writeXML(path string, t *template.Template, data any) error {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	// A new file each time, so that nobody keeps reading an old one with other rights.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replacing %s: %w", filepath.Base(path), err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return nil
}
