// Package apachekafka runs Apache Kafka, fetched from Maven, on loopback: one broker or several, in
// KRaft mode, plain or with TLS, logins and access rules. Tests use it through internal/kafkatest,
// people through `make kafka`.
//
// Each broker is a child process. The owner of a cluster ends it with Cluster.Close; Kill ends one
// broker, and StartKilled starts ended ones. Only goroutines of os/exec outlive a call; they end
// with the process.
package apachekafka
