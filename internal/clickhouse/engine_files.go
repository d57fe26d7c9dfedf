package clickhouse

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/template"
)

const defaultEngineMemory = 1_500_000_000

// engineXML is the server's configuration: two cores, little memory, no logs in tables. Its HTTP
// interface answers 404 to each request without the key and the name of one of our users, because
// the user default has no password. Without the rule for /ping, a client's ping would be an empty
// statement.
var engineXML = template.Must(template.New("engine.xml").Parse(`<clickhouse>
  <log-level>warning</log-level>
  <logger><log>{{.Log}}</log><size>10M</size><count>1</count><console>false</console></logger>
  <users_config>{{.Users}}</users_config>
  <tmp_path>{{.Temp}}</tmp_path>
  <user_files_path>{{.Files}}</user_files_path>
  <backups><allowed_path>{{.Backups}}</allowed_path></backups>
  <max_server_memory_usage>{{.Memory}}</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
  <index_mark_cache_size>16777216</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <query_cache><max_size_in_bytes>0</max_size_in_bytes></query_cache>
  <max_connections>200</max_connections>
  <keep_alive_timeout>120</keep_alive_timeout>
  <http_handlers>
    <rule>
      <url>/ping</url>{{template "allowed" .}}
      <handler><type>ping</type></handler>
    </rule>
    <rule>
      <url>/play</url>{{template "allowed" .}}
      <handler><type>play</type></handler>
    </rule>
    <rule>{{template "allowed" .}}
      <handler><type>dynamic_query_handler</type><query_param_name>query</query_param_name></handler>
    </rule>
  </http_handlers>
  <access_control_improvements>
    <select_from_system_db_requires_grant>true</select_from_system_db_requires_grant>
    <select_from_information_schema_requires_grant>true</select_from_information_schema_requires_grant>
    <on_cluster_queries_require_cluster_grant>true</on_cluster_queries_require_cluster_grant>
  </access_control_improvements>
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
{{define "allowed"}}
      <headers>
        <{{.Header}}>{{.Key}}</{{.Header}}>
        <X-ClickHouse-User>regex:^({{.Writer}}|{{.Reader}})$</X-ClickHouse-User>
      </headers>{{end}}`))

// usersXML configures the users. The server's own session runs as default, which has no password,
// so its only rights are to start to listen and to block. The writer has its database and those
// whose names begin with that name. The reader has read access only. Dictionaries read their tables
// as the user lookup. It has no password, and the rules for HTTP reject it. In constraints the
// minimum is 1, because 0 means no limit.
var usersXML = template.Must(template.New("users.xml").Parse(`<clickhouse>
  <profiles>
    <default>
      <query_profiler_real_time_period_ns>0</query_profiler_real_time_period_ns>
      <query_profiler_cpu_time_period_ns>0</query_profiler_cpu_time_period_ns>
      <async_insert>0</async_insert>
      <log_queries>0</log_queries>
      <http_receive_timeout>10</http_receive_timeout>
    </default>
    <reader>
      <profile>default</profile>
      <readonly>2</readonly>
      <max_memory_usage>{{.QueryMemory}}</max_memory_usage>
      <max_memory_usage_for_user>{{.UserMemory}}</max_memory_usage_for_user>
      <max_execution_time>60</max_execution_time>
      <max_result_rows>10000000</max_result_rows>
      <max_threads>2</max_threads>
      <max_concurrent_queries_for_user>16</max_concurrent_queries_for_user>
      <cancel_http_readonly_queries_on_client_close>1</cancel_http_readonly_queries_on_client_close>
      <constraints>
        <max_memory_usage><min>1</min><max>{{.QueryMemory}}</max></max_memory_usage>
        <max_execution_time><min>1</min><max>600</max></max_execution_time>
        <max_result_rows><min>1</min><max>100000000</max></max_result_rows>
        <max_threads><min>1</min><max>4</max></max_threads>
        <max_memory_usage_for_user><readonly/></max_memory_usage_for_user>
        <max_concurrent_queries_for_user><readonly/></max_concurrent_queries_for_user>
        <max_untracked_memory><readonly/></max_untracked_memory>
        <timeout_before_checking_execution_speed><readonly/></timeout_before_checking_execution_speed>
        <cancel_http_readonly_queries_on_client_close>
          <readonly/>
        </cancel_http_readonly_queries_on_client_close>
      </constraints>
    </reader>
  </profiles>
  <quotas>
    <default/>
    <reader>
      <interval><duration>60</duration><queries>6000</queries><execution_time>600</execution_time></interval>
    </reader>
  </quotas>
  <users>
    <default>
      <password></password>
      <profile>default</profile>
      <quota>default</quota>
      <networks><ip>127.0.0.1</ip></networks>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
      </grants>
    </default>
    <{{.Writer}}>
      <password_sha256_hex>{{.WriterHash}}</password_sha256_hex>
      <profile>default</profile>
      <quota>default</quota>
      <networks><ip>127.0.0.1</ip></networks>
      <grants>
        <query>GRANT ALL ON {{.Database}}*.*</query>
        <query>GRANT SELECT, SHOW ON system.*</query>
        <query>GRANT SELECT, SHOW ON information_schema.*</query>
        <query>GRANT TABLE ENGINE ON *</query>
        <query>GRANT CREATE TEMPORARY TABLE, KILL QUERY, SYSTEM RELOAD DICTIONARY ON *.*</query>
      </grants>
    </{{.Writer}}>
    <{{.Lookup}}>
      <password></password>
      <profile>default</profile>
      <quota>default</quota>
      <networks><ip>127.0.0.1</ip></networks>
      <grants>
        <query>GRANT SELECT ON {{.Database}}.lookup_*</query>
      </grants>
    </{{.Lookup}}>
    <{{.Reader}}>
      <password_sha256_hex>{{.ReaderHash}}</password_sha256_hex>
      <profile>reader</profile>
      <quota>reader</quota>
      <networks><ip>127.0.0.1</ip></networks>
      <grants>
        <query>GRANT SELECT, SHOW, dictGet ON {{.Database}}.*</query>
        <query>GRANT SELECT ON information_schema.*</query>
        <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
      </grants>
    </{{.Reader}}>
  </users>
</clickhouse>
`))

// confDir returns the folder of the configuration while a server starts.
func confDir(dir string) string { return filepath.Join(dir, "conf") }

// backupsDir returns the folder of BACKUP ... TO File and RESTORE ... FROM File.
func backupsDir(dir string) string { return filepath.Join(dir, "backups") }

// serverDirs returns the only folders below the engine's folder that the server may write to.
func serverDirs(dir string) []string {
	return []string{
		dataDir(dir), filepath.Join(dir, "tmp"), filepath.Join(dir, "user_files"), filepath.Join(dir, "log"),
		backupsDir(dir),
	}
}

// closedFolder creates the folder and denies other users access to it.
func closedFolder(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = os.Chmod(dir, 0o700) //nolint:gosec // a folder
	}
	if err != nil {
		return fmt.Errorf("creating the engine's folder: %w", err)
	}
	return nil
}

// writeConfiguration prepares the engine's folder for a start.
func writeConfiguration(cfg EngineConfig, s Server) error {
	for _, dir := range append(serverDirs(cfg.Dir), confDir(cfg.Dir)) {
		if err := closedFolder(dir); err != nil {
			return err
		}
	}
	conf := confDir(cfg.Dir)
	err := writeXML(filepath.Join(conf, "engine.xml"), engineXML, map[string]any{
		"Log":     escape(filepath.Join(cfg.Dir, "log", "engine.log")),
		"Users":   escape(filepath.Join(conf, "users.xml")),
		"Temp":    escape(filepath.Join(cfg.Dir, "tmp") + "/"),
		"Files":   escape(filepath.Join(cfg.Dir, "user_files") + "/"),
		"Backups": escape(backupsDir(cfg.Dir) + "/"),
		"Memory":  cfg.MemoryBytes,
		"Header":  keyHeader, "Key": s.Key, "Writer": s.User, "Reader": s.Reader.User,
	})
	if err != nil {
		return err
	}
	return writeXML(filepath.Join(conf, "users.xml"), usersXML, map[string]any{
		"Database": cfg.Database, "Writer": s.User, "WriterHash": hash(s.Password),
		"Reader": s.Reader.User, "ReaderHash": hash(s.Reader.Password),
		"Lookup":      lookupUser,
		"QueryMemory": cfg.MemoryBytes / 5 * 2, "UserMemory": cfg.MemoryBytes / 5 * 3,
	})
}

// removeConfiguration removes the configuration after a start. It holds the key, and the server
// could read it to a client. Older versions left theirs in the engine's folder itself.
func removeConfiguration(dir string) error {
	var faults []error
	for _, path := range []string{
		filepath.Join(confDir(dir), "engine.xml"), filepath.Join(confDir(dir), "users.xml"),
		filepath.Join(dir, "engine.xml"), filepath.Join(dir, "users.xml"),
		filepath.Join(dir, "ports.tsv"), filepath.Join(dir, "engine.log"),
	} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			faults = append(faults, fmt.Errorf("removing the engine's configuration: %w", err))
		}
	}
	return errors.Join(faults...)
}

func hash(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer never fails
	return b.String()
}

func writeXML(path string, t *template.Template, data any) error {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	// Write a new file each time, so that a process with an older file open does not see the new
	// content.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replacing %s: %w", filepath.Base(path), err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return nil
}
