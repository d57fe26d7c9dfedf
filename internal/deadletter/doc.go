// Package deadletter reads bgp.deadletter.v1, shows its records, and sends them back to the topics
// from which they were read.
//
// Its input are the dead letters of one dataset. Its output are records on the topics of
// schemas.AccessDeadLetter, and for each one that is sent back a note on bgp.deadletter.v1, in the
// same transaction. A note is a dead letter whose stage is deadletter and whose topic is
// bgp.deadletter.v1. It names the letter by its offset, so that a letter with a note is not sent a
// second time. Two processes that send at the same time share one transactional id: the second one
// ends the first one's transaction before it reads the notes.
//
// The log is read in order and not kept: a List keeps groups and a bounded number of letters.
package deadletter
