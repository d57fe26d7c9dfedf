// Package notify is the stage that sends alerts about the outages of bgp.outages.v1 to people and
// programs (docs/alerts.md).
//
// notify/incident decides which messages are sent, when, and to which target. It is pure: its
// inputs are records and the time, its outputs deliveries and messages. The shell, Stage, reads
// bgp.outages.v1 in one active process; a second one is a standby. It also reads bgp.panel.v1,
// which shows whether verdicts are possible, and the commits of detect, which contain the newest
// decided minute. It writes each changed delivery to bgp.notify.v1 (notify/ledger), in one
// transaction with the offsets of the records that changed it.
//
// A message is sent in three steps: the stage writes its intent, sends it, and writes the answer.
// The transaction of the intent also commits offsets, so the group refuses it from a member that
// has lost its partition. No message is sent later than leaseLimit after that transaction. After a
// crash a delivery with an intent and no answer is sent again. If the target has no key by which it
// recognises a repeated message, the stage counts the possible double.
//
// Each target is an entry of Target, which names one of the packages below notify/target. Each
// target has its own goroutine, so that a slow target delays no other.
//
// Goroutines: those of the franz-go clients; one for each target; the followers of bgp.panel.v1, of
// bgp.notify.v1 and of detect's commits; and the heart. All of them end with the session. The loop
// in the stage's own goroutine owns the engine.
package notify
