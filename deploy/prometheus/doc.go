// Package prometheus holds the alerts of a Prometheus that scrapes darkmap, their tests, and the
// configuration of the Prometheus of compose.yaml. Nothing of it is linked into the program.
package prometheus
