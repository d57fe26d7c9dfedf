package clickhouse_test

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
)

// replicaXML makes the engine a replica of a cluster with a ZooKeeper.
const replicaXML = `<clickhouse>
  <zookeeper><node><host>%s</host><port>%s</port></node></zookeeper>
  <macros><shard>1</shard><replica>%s</replica></macros>
</clickhouse>`

var (
	onCluster  = regexp.MustCompile(` ON CLUSTER \S+`)
	createdBy  = regexp.MustCompile(`^CREATE TABLE IF NOT EXISTS (\S+)`)
	replicated = regexp.MustCompile(`ENGINE = Replicated`)
)

// TestTwoReplicas makes the replicated tables on two engines that share the ZooKeeper at
// TEST_ZOOKEEPER_ADDR. It does so as ON CLUSTER does: without the clause, with one UUID for both.
// Both register, and a replica with another structure is rejected. The engine has no port for
// replicas to fetch parts from each other, so its tables stay read-only: the test does not show
// that rows are copied.
func TestTwoReplicas(t *testing.T) {
	t.Parallel()
	host, port, err := net.SplitHostPort(os.Getenv("TEST_ZOOKEEPER_ADDR"))
	if err != nil {
		t.Skip("TEST_ZOOKEEPER_ADDR names no ZooKeeper")
	}
	all, err := clickhouse.Migrations(clickhouse.Server{Database: "darkmap", Cluster: "c", User: "u"})
	if err != nil {
		t.Fatal(err)
	}
	var conns []driver.Conn
	for _, replica := range []string{"r1", "r2"} {
		dir := filepath.Join(t.TempDir(), "clickhouse")
		if err := os.MkdirAll(filepath.Join(dir, "conf", "engine.d"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "conf", "engine.d", "replica.xml"), fmt.Appendf(nil, replicaXML, host, port, replica), 0o600); err != nil {
			t.Fatal(err)
		}
		s := clickhousetest.Start(t, clickhouse.EngineConfig{Dir: dir, SharedNetwork: true}).Server()
		conns = append(conns, open(t, s))
		must(t, conns[len(conns)-1], "CREATE DATABASE darkmap")
	}
	made := 0
	for _, m := range append(all, clickhouse.Migration{Statements: clickhouse.OwnStatements(clickhouse.Server{Database: "darkmap", Cluster: "c"})}) {
		for _, st := range m.Statements {
			if !createdBy.MatchString(st.SQL) || !replicated.MatchString(st.SQL) {
				continue
			}
			b := make([]byte, 6)
			_, _ = rand.Read(b) // it never fails
			sql := onCluster.ReplaceAllString(st.SQL, "")
			name := createdBy.FindStringSubmatch(sql)[1]
			sql = strings.Replace(sql, name, fmt.Sprintf("%s UUID '5f0c3a7e-0001-4000-8000-%x'", name, b), 1)
			for i, conn := range conns {
				// A later step makes the table again.
				if m.Version > 1 && one[uint8](t, conn, "EXISTS TABLE "+name) == 1 {
					must(t, conn, "RENAME TABLE "+name+" TO "+name+"_before")
				}
				if err := conn.Exec(t.Context(), sql); err != nil {
					t.Fatalf("replica %d: %v\n%s", i+1, err, sql)
				}
				if got := one[uint32](t, conn, "SELECT total_replicas FROM system.replicas WHERE concat(database, '.', table) = ?", name); got != uint32(i+1) {
					t.Errorf("%s on replica %d: %d replicas are registered", name, i+1, got)
				}
			}
			made++
		}
	}
	if made < 10 {
		t.Errorf("only %d tables", made)
	}
	t.Logf("%d replicated tables on two replicas", made)
	const other = "CREATE TABLE darkmap.other UUID '5f0c3a7e-0000-4000-8000-%012x' (n UInt64%s) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}') ORDER BY n"
	id := os.Getpid()
	must(t, conns[0], fmt.Sprintf(other, id, ""))
	if err := conns[1].Exec(t.Context(), fmt.Sprintf(other, id, ", m String")); err == nil {
		t.Error("a replica with another structure was taken")
	}
}
