// Package kafkatest stands in for a Kafka cluster in tests: the embedded broker in memory, the brokers that
// TEST_KAFKA_BROKERS names, or a real Apache Kafka of one broker, fetched from Maven and started on loopback.
//
// Everything it starts ends with the test, by process id.
package kafkatest
