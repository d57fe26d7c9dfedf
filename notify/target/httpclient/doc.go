// Package httpclient is how targets speak HTTP: one attempt within a time limit, no redirects, answers bounded, no metadata service
// reached, and a target.Fault for every answer that is no success. Its errors name hosts; they never hold URLs, because the URLs of many
// targets are secrets. It starts no goroutines but net/http's for idle connections, which Close ends.
package httpclient
