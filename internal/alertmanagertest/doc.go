// Package alertmanagertest runs a real Prometheus Alertmanager for tests, with a webhook receiver
// that records its notifications.
//
// tools/alertmanager/go.mod pins the version. The program is built once and kept in the user's
// cache folder. Its user interface, which the module does not contain, is an empty page. Without
// the go command or the module the test is skipped, or fails with TEST_INTEGRATION=1. The process
// ends with the test.
package alertmanagertest
