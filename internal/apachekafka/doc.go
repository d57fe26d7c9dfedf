// Package apachekafka runs Apache Kafka, fetched from Maven, on loopback: one broker or several, in
// KRaft mode, plain or with TLS, logins and access rules. Tests use it through internal/kafkatest,
// people through `make kafka`.
//
// Each broker is a child process. Its owner ends it with Cluster.Close; Kill and Start end and start
// one broker of a cluster. No goroutine outlives a call, but for those of os/exec, which end with
// the process.
package apachekafka
