// Package text is the one table of escapes: how a name that a stranger wrote (an AS name, a sysName, a community), or a text that holds
// such names, is put into a message of each protocol so that it stays a name. Name and Line come first: they take out what cannot be
// seen. The function of the protocol comes second, and a text with a limit is cut after it, because escapes make a text
// longer. Nothing is to be escaped twice.
//
//	protocol               function        what a name can no longer do
//	Slack                  Slack           <!channel>, <@U1>, <https://...|text>, &lt;
//	Discord                Discord         @everyone, <@1>, <#1>, markup; send allowed_mentions {"parse": []} too
//	Telegram               Telegram        @name, #tag, /command; send no parse_mode
//	Mastodon, Bluesky      Fediverse       @name, #tag
//	Matrix, body           MatrixBody      @room, @name; send m.mentions {} too
//	Matrix, formatted_body HTML            all markup
//	HTML, Atom's HTML      HTML            all markup
//	Markdown               Markdown        all markup, @channel, #tag
//	programs that pass on  Relay           @name, #tag, <!channel>, <b>
//	mail headers           MailHeader      another header, an encoded word
//	XML 1.0                XML             characters that XML 1.0 does not have; encoding/xml escapes the rest
//	CSV                    plaintext.Cell  a formula
//	terminals              terminal.Clean  escape sequences
//
// The last two have other users too and are in internal/plaintext and internal/terminal; the test of this package holds them too.
package text
