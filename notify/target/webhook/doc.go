// Package webhook sends records to an HTTP server by Standard Webhooks
// (https://www.standardwebhooks.com): one signed POST per record, with an id that is the same in
// retries. The body is JSON below 20 kB and lists the fields that were cut. An answer of 2xx
// accepts the message; 410 switches the target off. The package starts no goroutine.
package webhook
