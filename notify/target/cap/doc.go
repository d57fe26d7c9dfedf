// Package cap writes alerts of the Common Alerting Protocol, version 1.2 (OASIS CAP-v1.2, 1 July
// 2010), as files in a folder. Beside them it writes an Atom feed with the newest alert of each
// incident. A web server, or a program that copies files, publishes them.
//
//	message                      CAP message                      after it
//	open                         Alert                            a chain begins
//	update                       Update                           the chain goes on
//	close, recovered             Update, responseType AllClear    the chain has ended
//	close for another reason     Update without responseType      the chain has ended
//	take_back                    Cancel                           the chain has ended
//	test                         Alert with status Test           no chain
//	notice                       nothing
//
// An update, close or take_back of an incident without a chain becomes an Alert or nothing, as CAP
// has no Update without an earlier Alert. Each message of a chain lists the earlier ones in
// references.
//
// The folder is the whole state: the target reads it at the start, and the same message makes the
// same file. The status is Exercise for data that are not live, Actual if the configuration has it,
// and otherwise Test. Incidents about private watch lists are left out unless the scope is
// Restricted. A folder must not be shared by several targets or processes.
package cap
