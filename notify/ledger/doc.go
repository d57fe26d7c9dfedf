// Package ledger stores notify's state in the topic bgp.notify.v1, one record for each key
// (docs/interfaces.md, Alerts).
//
// Input: the whole topic (Load), or single records (Parse). Output: the records of a transaction.
// The package starts no goroutine.
package ledger
