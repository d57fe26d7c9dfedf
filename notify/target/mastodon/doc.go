// Package mastodon posts for the public on a server of Mastodon, or one that has its API. An incident is one post: updates edit it, and its end edits it and
// answers it, because an edit is not shown again. A deleted post is posted again. Each post and answer has an Idempotency-Key made of the
// message's id; the server keeps it for an hour, and later a doubled message is a second post.
//
// A post has at most 500 characters as Mastodon counts them: graphemes, and 23 for a link. It is the text `post`, then as many facts as there is room
// for, then the link. Names in it make no mention, tag or link. Incidents about private watch lists are never posted, and no post names
// watch lists.
package mastodon
