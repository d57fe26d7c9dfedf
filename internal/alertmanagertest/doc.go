// Package alertmanagertest runs a real Prometheus Alertmanager for tests, with a webhook receiver that keeps what it is notified of.
//
// The version stands in tools/alertmanager/go.mod. Its program is built once and kept in the user's cache folder; the user interface, which its
// module lacks, is an empty page. Without the go command or the module the test is skipped, or fails with TEST_INTEGRATION=1. The process ends
// with the test.
package alertmanagertest
