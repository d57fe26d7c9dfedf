// Package slack sends messages to a Slack channel, with a bot's token or through an incoming
// webhook.
//
// With a token an incident is one message: chat.postMessage creates it, and chat.update changes it
// to the newest state. Each update and the end also appear in its thread. The end appears in the
// channel too, because edits cause no notification. A message that is gone, or that cannot be
// changed any more, is posted again. An incoming webhook has no edits and no threads: each message
// is a separate message in the channel.
//
// A message consists of Block Kit blocks within their limits: a header of 150 characters, sections
// of 3,000, fields of 2,000, and a button with the link. Every text is escaped, so that names in it
// mention no user. Links are not unfurled. Neither protocol has a key: after a crash between the
// request and its answer a message can come twice.
package slack
