// Package notify is the stage that tells people and programs what bgp.outages.v1 says (docs/alerts.md).
//
// notify/incident decides which messages are sent, to which target and when. It is pure: records and the time go in, deliveries and messages come out.
// The shell, Stage, reads bgp.outages.v1 in one active process (a second one is standing by), bgp.panel.v1 for whether verdicts are possible, and
// the commits of detect for the newest decided minute. It writes each delivery that has changed to bgp.notify.v1 (notify/ledger), in one
// transaction with the offsets of the records that changed it.
//
// A message is sent in three steps: its intent is written, it is sent, the answer is written. The intent's transaction commits offsets too, so that
// the group refuses it from a member that has lost its place; and no message is sent later than leaseLimit after it. After a crash a delivery
// with an intent and no answer is sent again, and counted where the target has no key by which it would know the message.
//
// Each target is an entry of Target, which names one of the packages below notify/target. Each has a goroutine of its own, so that a slow one
// delays no other.
//
// Goroutines: those of the franz-go clients; one of each target, ended with the session; the followers of bgp.panel.v1, of bgp.notify.v1 and of
// detect's commits, and the heart, ended with the session. The engine belongs to the loop in the stage's own goroutine.
package notify
