// Package kafkatest provides a Kafka cluster for tests: the embedded broker in memory, the brokers
// at TEST_KAFKA_BROKERS, or a real Apache Kafka of one broker, downloaded from Maven and started on
// loopback.
//
// Everything that the package starts ends with the test, by process id.
package kafkatest
