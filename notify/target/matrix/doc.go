// Package matrix tells a room of Matrix (client-server API v1.11). An incident is one event: each update and its end change it to the newest state
// (m.replace), and are said in its thread as well (m.thread), because an edit causes no notification. The transaction id is made of the message's
// id: a server that knows it makes no second event. How long servers remember it they do not say.
//
// The events are m.text, because m.notice causes no notification in most clients. m.mentions is empty, so that a name mentions no user, and names are escaped in
// formatted_body. An event stays below the 65,536 octets of the protocol. The room must not be encrypted: darkmap has no keys.
package matrix
