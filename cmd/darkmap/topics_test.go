package main

import (
	"strings"
	"testing"
)

// TestACLs: the rules of a stage are printed as commands, with the prefix and the dataset in the
// names.
func TestACLs(t *testing.T) {
	t.Parallel()
	flags := []string{"--set", "kafka.brokers=[192.0.2.1:9092]", "--set", "kafka.topic_prefix=site."}
	acls := append([]string{"topics", "acls"}, flags...)
	code, out, errs := darkmap(t, "", append(acls, "--stage", "enrich", "--user", "CN=a b", "--dataset", "x")...)
	want := `# enrich
kafka-acls.sh --bootstrap-server 192.0.2.1:9092 --command-config admin.properties --add --allow-principal 'User:CN=a b' --operation Read --topic site.x.bgp.updates.v1
kafka-acls.sh --bootstrap-server 192.0.2.1:9092 --command-config admin.properties --add --allow-principal 'User:CN=a b' --operation Write --topic site.x.bgp.routes.v1
kafka-acls.sh --bootstrap-server 192.0.2.1:9092 --command-config admin.properties --add --allow-principal 'User:CN=a b' --operation Write --topic site.x.bgp.deadletter.v1
kafka-acls.sh --bootstrap-server 192.0.2.1:9092 --command-config admin.properties --add --allow-principal 'User:CN=a b' --operation Read --group site.x.darkmap.enrich
kafka-acls.sh --bootstrap-server 192.0.2.1:9092 --command-config admin.properties --add --allow-principal 'User:CN=a b' --operation Write --transactional-id site.x.darkmap.enrich --resource-pattern-type prefixed
`
	if code != 0 || out != want {
		t.Errorf("got exit %d, %s\n%s\nwant\n%s", code, errs, out, want)
	}
	code, out, _ = darkmap(t, "", acls...)
	if code != 0 || !strings.Contains(out, "# topics: darkmap topics apply\n") || !strings.Contains(out, "--operation Create --operation Describe --operation AlterConfigs --topic site.bgp.updates.v1\n") ||
		!strings.Contains(out, "User:sink ") || strings.Contains(out, "UNKNOWN") {
		t.Errorf("all of them: got exit %d, %s", code, out)
	}
	if code, _, errs := darkmap(t, "", append(acls, "--stage", "nobody")...); code != exitUsage || !strings.Contains(errs, "want one of ingest, ") {
		t.Errorf("an unknown stage: got exit %d, %s", code, errs)
	}
}
