// Package ledger keeps what notify has to remember: the topic bgp.notify.v1, one record for each key (docs/interfaces.md, Alerts).
//
// In: the topic, read whole (Load) or from some place on (Entry of each record). Out: the records of a transaction. No goroutine is started.
package ledger
