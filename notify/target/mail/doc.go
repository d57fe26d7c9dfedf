// Package mail sends mails over SMTP: plain text first and HTML second. The mails of an incident make one thread: each names the incident's own id,
// which no mail has, and the ones before it in References. A message has the same Message-ID in all attempts, so that many servers and
// programs show a doubled one once. Mails say Auto-Submitted: auto-generated (RFC 3834) and List-Unsubscribe (RFC 2369).
//
// Each recipient gets a mail of his own. While a message is tried again, those that have it are left out; a process that starts
// anew does not know them any more. The connection is encrypted, by STARTTLS or from the start, unless the server is on loopback.
//
// An answer of 4xx is tried again, one of 5xx to a mail refuses it, and one to the password switches the target off.
package mail
