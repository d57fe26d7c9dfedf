// Package deadletter reads bgp.deadletter.v1, shows its records, and sends them back to the topics that
// they were read from.
//
// In: the dead letters of one dataset. Out: records of the topics of schemas.AccessDeadLetter, and for
// each one that is sent back a note on bgp.deadletter.v1, in one transaction with it. A note is a dead
// letter whose stage is deadletter and whose topic is bgp.deadletter.v1: it names the letter by its
// offset, so that a letter that has a note is not sent a second time. Two processes that send at the
// same time have one transactional id: the second one ends the first one's transaction before it reads
// the notes.
//
// The log is read in order and is not kept: a List keeps groups and a bounded number of letters.
package deadletter
