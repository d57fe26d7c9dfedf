// Package strimzi holds a Kafka for Strimzi's operator: the cluster, written by hand, and a user
// for each stage with the rights of the table of schemas.Accesses, which its test writes into
// users.yaml (make gen). Nothing of it is linked into the program.
package strimzi
