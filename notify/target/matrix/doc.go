// Package matrix sends messages to a Matrix room (client-server API v1.11). An incident is one
// event. Each update and the end edit it to the newest state (m.replace) and also appear in its
// thread (m.thread), because edits cause no notification. The transaction id is derived from the
// message's id: a server that remembers it makes no second event. Servers do not document how long
// they remember it.
//
// The events are m.text, because m.notice causes no notification in most clients. m.mentions is
// empty, so that names mention no user. Names are escaped in formatted_body. An event stays below
// the protocol's limit of 65,536 octets. The room must not be encrypted, as darkmap has no keys.
package matrix
