// Package incident decides what each target is told. It makes incidents of the records of bgp.outages.v1, for each route and target, across address
// families; it holds messages back (group_wait, quiet hours, digests, silences, storms), folds waiting messages to the newest state, and says
// when nothing can be decided. It knows no Kafka, starts no goroutines and reads no clock: the caller gives it the time. The caller writes each Delivery that
// a call returns under Delivery.Key to the topic bgp.notify.v1, and gives all of them to New after a start.
//
// A message follows from two things: the state that the target was told, and the state of the incident now. The field event of a record is never used.
//
// Decisions between several possible behaviours:
//
//   - A target hears of an event through the first route that matches it, and once. An incident is of one route and one data set.
//   - Events belong together that are of one entity, in whichever family, or name each other or the same wider event among their parents; watch lists are no
//     such parent. So the ASes of a country are one incident before the country itself has opened.
//   - Two incidents that a target was told of and that turn out to be one: the older goes on. The later one is closed with the reason superseded and words that
//     point to the older; it is not called back.
//   - An incident that is still dark is no old news: a pager is paged late, and the page says so. An incident that began and ended before a target could be told is told to chats alone, in a
//     notice of one line, within max_age.
//   - An attempt without an answer may have told the target: the end is told to it in any case.
//   - After an event was superseded, its successor is waited for, for 3 minutes. The successor stays in the incident, even if the route does not match it.
//   - Storms take incidents that were not told of yet. Feeds have no storms. Records that are read close together are decided
//     together, also without group_wait: so 1,000 outages of a minute are one page.
//   - A delivery is kept for 7 days after its end. A target that the configuration does not have any more keeps its deliveries, which wait for it.
//
// No method may be called while another runs.
package incident
