// Package telemetry builds what lets people see a process: its log, its metrics registry and the admin server.
//
// The admin server listens on loopback unless told otherwise. It owns one goroutine, which Run waits for.
package telemetry
