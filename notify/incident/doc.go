// Package incident decides the messages of each target of alerts. It groups the events on
// bgp.outages.v1 into incidents, for each route of notify.routes and each target. Both address
// families of an outage are one incident. It holds messages back (group_wait, quiet hours, digests,
// silences, storms). A message that waits always has the newest state. It also reports when no
// verdicts are possible. The package uses no Kafka, starts no goroutines and reads no clock: the
// caller passes the time. A Delivery is the state of one incident at one target. The caller writes
// each Delivery that a call returns to the topic bgp.notify.v1 under Delivery.Key. After a restart
// it passes all of them to New.
//
// A message depends on two states: the last one that was sent to the target (Told), and the present
// one of the incident. The field event of a record is never used.
//
// Design decisions:
//
//   - A target gets an event through one route: the first one that matches. An incident belongs to
//     one route and one dataset.
//   - Events belong to one incident in three cases: they have the same entity, in any family; one
//     is a parent of the other; or both have a parent in common. Watch lists do not count as
//     parents here. So the ASes of a country are one incident even before the country itself has an
//     event.
//   - If two incidents that a target knows turn out to be one, the older continues. The target gets
//     a close of the later one, with the reason superseded and a text that refers to the older. The
//     later one is not taken back.
//   - If an incident is still open, a pager gets its message even if it is late. The text of the
//     message then has the delay. If an incident began and ended before its first message, only
//     chats get a message: a notice of one line, if the news is not older than max_age.
//   - If an attempt to send had no answer, the message may have reached the target. So the close is
//     sent in any case.
//   - An event is superseded when another event continues it. The incident waits 3 minutes for this
//     successor. The successor belongs to the incident even if the route does not match it.
//   - A storm is one message for many incidents that begin close together. Incidents that the
//     target knows already are not part of it. Atom feeds have no storms. Records that are read
//     close together are a burst. The engine decides after the burst, even without group_wait. So a
//     pager gets one message about 1,000 outages of a minute.
//   - A delivery is kept for 7 days after its incident has ended. If a target is removed from the
//     configuration, its deliveries are kept until it is back.
//
// The methods must not run concurrently.
package incident
