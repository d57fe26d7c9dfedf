// Package incident decides what each target is told. It makes incidents of the records of bgp.outages.v1, for each route and target, across address
// families; it holds messages back (group_wait, quiet hours, digests, silences, storms), folds what waits to its newest state, and says
// when nothing can be decided. It knows no Kafka, starts no goroutines and reads no clock: the caller gives it the time. The caller writes each Delivery that
// a call returns under Delivery.Key to the topic bgp.notify.v1, and gives all of them to New after a start.
//
// What is told follows from two things: what the target was told, and the state of the incident now. The field event of a record is never asked.
//
// No method may be called while another runs.
package incident
