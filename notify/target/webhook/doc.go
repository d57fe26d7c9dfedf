// Package webhook sends records to an HTTP server as Standard Webhooks (https://www.standardwebhooks.com) describes: one POST a record, signed,
// with an id that stays through retries. The body is JSON, below 20 kB; it says where it was cut. A receiver that answers 2xx has taken the
// message, 410 switches the target off. The package starts no goroutine.
package webhook
