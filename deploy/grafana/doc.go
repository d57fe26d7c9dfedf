// Package grafana describes darkmap's boards for Grafana. Its test writes them as JSON into dashboards/ (make gen): the descriptions here are the
// source, the files there are what Grafana reads. Nothing of it is linked into the program.
package grafana
