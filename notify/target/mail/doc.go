// Package mail sends mails over SMTP, with a plain text part first and an HTML part second. The
// mails of an incident form one thread: each mail lists the incident's own id, which no mail has,
// and earlier mails in References. A message has the same Message-ID in all attempts, so many
// servers and programs show a doubled one once. Mails have the headers Auto-Submitted:
// auto-generated (RFC 3834) and List-Unsubscribe (RFC 2369).
//
// Each recipient gets a separate mail. Retries of a message skip the recipients that already have
// it. A restarted process no longer knows them. The connection is encrypted, by STARTTLS or from
// the start, unless the server is on loopback.
//
// A 4xx answer is retried. A 5xx answer to a mail refuses the mail; a 5xx answer to the password
// switches the target off.
package mail
