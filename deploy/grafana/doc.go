// Package grafana describes darkmap's boards for Grafana. Its test writes them as JSON into
// dashboards/ (make gen). The descriptions here are the source; Grafana reads the files in
// dashboards/. The program does not link this package.
package grafana
