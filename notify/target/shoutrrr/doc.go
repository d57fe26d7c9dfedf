// Package shoutrrr sends messages to services without a target of their own, through the library
// github.com/nicholas-fedor/shoutrrr: Discord, Telegram, Microsoft Teams, ntfy, Gotify, Pushover,
// Mattermost and others. The destination is a URL of that library, which contains keys and is a
// secret.
//
// The library makes the request to the service. If the library allows it, the request goes through
// notify/target/httpclient: no redirects, no metadata services, a time limit, and an answer that is
// understood (table services, guarded). The other services connect by themselves. They follow
// redirects, their hosts are checked once before the request, and only the status of their answers
// is understood, if the library's error contains one. Errors of the library are never shown,
// because they contain the URL.
//
// Services have no edits, threads or keys here: each message of an incident is a separate message,
// and after a crash a message can come twice. Names are escaped for each service: Discord gets
// allowed_mentions without a mention, Telegram no parse_mode.
package shoutrrr
