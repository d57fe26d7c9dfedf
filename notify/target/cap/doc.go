// Package cap writes alerts of the Common Alerting Protocol, version 1.2 (OASIS CAP-v1.2, 1 July 2010), as files in a folder, and an Atom feed
// beside them with the newest one of each incident. A web server, or a program that copies files, publishes them.
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
// An update, close or take_back of an incident without a chain is an Alert or nothing: CAP has no Update without an earlier Alert. Each
// message of a chain names the earlier ones in references.
//
// The folder is all the state: the target reads it when it starts, and the same message makes the same file. The status is Test unless
// the configuration says Actual, and Exercise for data that are not live. Incidents about private watch lists are left out unless the scope is
// Restricted. Several targets, and several processes, must not share a folder.
package cap
