// Package slack tells a channel of Slack, with a bot's token or through an incoming webhook.
//
// With a token an incident is one message: chat.postMessage makes it, chat.update changes it to the newest state, and each update and the end are said
// in its thread as well; the end is shown in the channel too, because an edit causes no notification. A message that is gone, or that cannot be
// changed any more, is posted again. An incoming webhook has no edits and no threads: each message is a message of the channel.
//
// A message is made of Block Kit's blocks within their limits: a header of 150 characters, sections of 3,000, fields of 2,000, and a button with the
// link. Every text is escaped, so that no name in it calls anybody. Links are not unfurled. Neither protocol has a key: after a crash
// between the request and its answer a message can come twice.
package slack
