// Package text escapes texts for the protocols of the targets: names that strangers wrote (an AS
// name, a sysName, a community), and texts with such names, stay plain text in a message. Call Name
// or Line first: they remove invisible characters. Call the function of the protocol second. Cut a
// text with a limit after that, because escapes make a text longer. Escape no text twice.
//
//	protocol               function        effects that a name no longer has
//	Slack                  Slack           <!channel>, <@U1>, <https://...|text>, &lt;
//	Discord                Discord         @everyone, <@1>, <#1>, markup; also send
//	                                       allowed_mentions {"parse": []}
//	Telegram               Telegram        @name, #tag, /command; send no parse_mode
//	Mastodon, Bluesky      Fediverse       @name, #tag
//	Matrix, body           MatrixBody      @room, @name; also send m.mentions {}
//	Matrix, formatted_body HTML            all markup
//	HTML, Atom's HTML      HTML            all markup
//	Markdown               Markdown        all markup, @channel, #tag
//	programs that pass on  Relay           @name, #tag, <!channel>, <b>
//	mail headers           MailHeader      another header, an encoded word
//	XML 1.0                XML             characters that XML 1.0 does not have;
//	                                       encoding/xml escapes the rest
//	CSV                    plaintext.Cell  a formula
//	terminals              terminal.Clean  escape sequences
//
// The functions for CSV and terminals have other users too: they are in internal/plaintext and
// internal/terminal. The test of this package covers them as well.
package text
