// Package httpclient is the HTTP client of the targets. It makes one attempt within a time limit,
// follows no redirects, bounds answers, reaches no metadata service, and returns a target.Fault for
// every answer other than success. Its errors name hosts and never contain URLs, because the URLs
// of many targets are secrets. It starts no goroutines except those of net/http for idle
// connections, which Close ends.
package httpclient
