// Package incident decides the messages of each target. It groups the records of bgp.outages.v1
// into incidents, for each route of notify.routes and each target, across address families. It
// holds messages back (group_wait, quiet hours, digests, silences, storms), merges waiting messages
// into the newest state, and reports when no verdicts are possible. It uses no Kafka, starts no
// goroutines and reads no clock: the caller passes the time. The caller writes each Delivery that a
// call returns to the topic bgp.notify.v1 under Delivery.Key, and passes all of them to New after a
// restart.
//
// A message depends on two things: the last state sent to the target (Told), and the current state
// of the incident. The field event of a record is never used.
//
// Design decisions:
//
//   - A target hears of an event once, through the first route that matches it. An incident
//     belongs to one route and one dataset.
//   - Events belong to one incident if they are of one entity, in any family, or if they name each
//     other or the same wider event among their parents. Watch lists do not count as such parents.
//     So the ASes of a country are one incident even before the country itself opens.
//   - If two incidents that a target knows turn out to be one, the older continues. The later one
//     is closed with the reason superseded and a text that refers to the older. It is not taken
//     back.
//   - If an incident is still dark, a pager gets its message even if it is late. The message is
//     marked as late. If an incident began and ended before its first message, only chats get a
//     message: a notice of one line, within max_age.
//   - An attempt without an answer may have reached the target, so the close is sent in any case.
//   - After an event was superseded, the incident waits 3 minutes for its successor. The successor
//     stays in the incident even if the route does not match it.
//   - A storm is one message for many incidents that begin close together. It takes incidents that
//     the target does not know yet. Atom feeds have no storms. Records that are read close together
//     are decided together, even without group_wait: 1,000 outages of a minute are one page.
//   - A delivery is kept for 7 days after its end. If a target is removed from the configuration,
//     its deliveries are kept until it is back.
//
// The methods must not run concurrently.
package incident
