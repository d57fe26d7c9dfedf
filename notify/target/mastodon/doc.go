// Package mastodon posts for the public on a server of Mastodon or of a compatible API. An incident
// is one post. Updates edit it. Its end edits it and adds an answer, because edits are not shown
// again. A deleted post is posted again. Each post and answer has an Idempotency-Key derived from
// the message's id. The server keeps the key for an hour; after that a doubled message is a second
// post.
//
// A post has at most 500 characters as Mastodon counts them: graphemes, and 23 for a link. It
// consists of the text `post`, then as many facts as fit, then the link. Names in it make no
// mention, tag or link. Incidents about private watch lists are never posted, and posts do not name
// watch lists.
package mastodon
