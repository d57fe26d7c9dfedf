// Package telemetry makes a process observable: its log, its metrics registry and the admin server.
//
// The admin server listens on loopback by default. It owns one goroutine, which Run waits for.
package telemetry
