// Package shoutrrr tells the services that have no target of their own, through the library github.com/nicholas-fedor/shoutrrr: Discord, Telegram,
// Microsoft Teams, ntfy, Gotify, Pushover, Mattermost and others. Where goes in a URL of that library, which holds keys and is a secret.
//
// The library makes the request of the service. Where it lets us, the request goes through notify/target/httpclient: no redirects, no metadata services, a
// limit of time, and an answer that is understood (table services, guarded). The others connect by themselves: they follow redirects, their hosts are looked
// up once before, and of their answers only the status is understood, where their error has one. Errors of the library are never
// shown, because they show the URL.
//
// A service has no edits, threads or keys here: each message of an incident is a message of its own, and after a crash one can come twice. Names are
// escaped as the service needs it: Discord gets allowed_mentions that call nobody, Telegram no parse_mode.
package shoutrrr
