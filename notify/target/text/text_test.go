package text_test

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"html"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/darkmap/darkmap/internal/plaintext"
	"github.com/darkmap/darkmap/internal/terminal"
	"github.com/darkmap/darkmap/notify/target/text"
)

// hostile is one name with all known tricks. Its ends hold the tricks that work only at the
// beginning of a text.
var hostile = []string{
	"=cmd|' /C calc'!A0 <!channel> <@U0123> <https://evil.example|a bank> &lt;b&gt; @everyone <@1> #tag ＃tag ＠all /start [x](http://evil.example) **b** `c` :tada: <b>",
	"@everyone", "@channel and @room", "#tag", "/start", "-rf", "+1", "＝1+1", "1. one", "- one", "=== x", "    code",
	"a\r\nBcc: victim@example.net\r\n\r\nbody", "=?utf-8?B?aGFja2Vk?= \u2028 next",
	"\u202egnihtyna\u202c\u200b\u2066x\u2069\ufeff\u00ad", "\x00\x1b[31m\x1b]0;title\x07red\x08\x7f\u009b\ufffe\uffff\x0b", "\xff\xfe\xc3",
	strings.Repeat("long name ", 30), strings.Repeat("x", 300), "Z" + strings.Repeat("\u0301", 300), "e\u0301", strings.Repeat("👩🏽", 90),
	"Star Joint Venture Co Ltd", "Ryugyong-dong (Star JV)", "東京電力 & Söhne", "",
}

func TestName(t *testing.T) {
	t.Parallel()
	for _, s := range hostile {
		got := text.Name(s)
		if uniseg.GraphemeClusterCount(got) > 64 || len(got) > 256 || !utf8.ValidString(got) {
			t.Errorf("Name(%q) has %d graphemes, %d octets: %q", s, uniseg.GraphemeClusterCount(got), len(got), got)
		}
		if strings.ContainsFunc(got, func(r rune) bool {
			return unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
		}) {
			t.Errorf("Name(%q) has what cannot be seen: %q", s, got)
		}
	}
	for s, want := range map[string]string{
		"Star Joint Venture Co Ltd": "Star Joint Venture Co Ltd", "e\u0301": "é", "a\r\nb\tc": "a b c", "\x1b[31mred": "[31mred",
		"\u202eevil\u202c": "evil", strings.Repeat("x", 300): strings.Repeat("x", 63) + "…",
	} {
		if got := text.Name(s); got != want {
			t.Errorf("Name(%q) = %q, want %q", s, got, want)
		}
	}
	if got, want := text.Lines("\r\n one\x00 \r\n\n\n\ntwo\u202e\n "), "one\n\ntwo"; got != want {
		t.Errorf("Lines = %q, want %q", got, want)
	}
	if got := text.Cut("aé国", 2, 100); got != "a…" {
		t.Errorf("Cut = %q", got)
	}
}

var (
	called    = regexp.MustCompile(`[@＠#＃]\S`)
	opened    = regexp.MustCompile(`<\S`)
	command   = regexp.MustCompile(`(^|[^\w])/[a-z]`)
	bareMark  = regexp.MustCompile("(^|[^\\\\])[*_`<>\\[\\]|~]")
	bareBegin = regexp.MustCompile(`^(\s|[-+=#>]|\d+[.)] )`)
	// control matches the characters on which a terminal acts.
	control = regexp.MustCompile(`[\x00-\x1f\x7f-\x9f]`)
)

// TestEveryProtocol checks that a hostile name is only a name in every protocol.
func TestEveryProtocol(t *testing.T) {
	t.Parallel()
	for _, s := range hostile {
		for _, name := range []string{s, text.Name(s)} {
			if got := text.Slack(name); strings.ContainsAny(got, "<>") || html.UnescapeString(got) != html.UnescapeString(strings.ReplaceAll(name, "&", "&amp;")) {
				t.Errorf("Slack(%q) = %q", name, got)
			}
			if got := text.Discord(name); called.MatchString(strings.ReplaceAll(got, `\#`, "")) || bareMark.MatchString(strings.ReplaceAll(got, `\\`, "")) {
				t.Errorf("Discord(%q) = %q", name, got)
			}
			if got := text.Telegram(name); called.MatchString(got) || command.MatchString(got) {
				t.Errorf("Telegram(%q) = %q", name, got)
			}
			for what, escape := range map[string]func(string) string{"Fediverse": text.Fediverse, "MatrixBody": text.MatrixBody} {
				if got := escape(name); called.MatchString(got) || strings.ContainsAny(got, "\u200b\u200d\u2060") && !strings.ContainsAny(name, "\u200b\u200d\u2060") {
					t.Errorf("%s(%q) = %q", what, name, got)
				}
			}
			if got := text.HTML(name); strings.ContainsAny(got, `<>"'`) || html.UnescapeString(got) != strings.ReplaceAll(name, "\x00", "\ufffd") && !strings.Contains(name, "\x00") {
				t.Errorf("HTML(%q) = %q", name, got)
			}
			markdown := text.Markdown(name)
			for line := range strings.SplitSeq(markdown, "\n") {
				if bareBegin.MatchString(line) || bareMark.MatchString(strings.ReplaceAll(line, `\\`, "")) || called.MatchString(line) {
					t.Errorf("Markdown(%q) = %q", name, markdown)
				}
			}
			if got := terminal.Clean(name); control.MatchString(got) {
				t.Errorf("terminal.Clean(%q) = %q", name, got)
			}
			if got := text.Relay(name); called.MatchString(got) || opened.MatchString(got) {
				t.Errorf("Relay(%q) = %q", name, got)
			}
			checkHeader(t, name)
			checkXML(t, name)
			checkCell(t, name)
		}
	}
}

// checkHeader checks that a mail with the name as its subject has no other header, and that the
// subject is the name.
func checkHeader(t *testing.T, name string) {
	t.Helper()
	got := text.MailHeader(name)
	m, err := mail.ReadMessage(strings.NewReader("Subject: " + got + "\r\nTo: x@example.net\r\n\r\nbody\r\n"))
	if err != nil || len(m.Header) != 2 || strings.ContainsAny(got, "\r\n\x00") || strings.Contains(got, "=?") {
		t.Errorf("MailHeader(%q) = %q: %v, headers %v", name, got, err, m)
	}
}

// checkXML checks that the text is read back unchanged.
func checkXML(t *testing.T, name string) {
	t.Helper()
	got := text.XML(name)
	type element struct {
		Text string `xml:",chardata"`
	}
	b, err := xml.Marshal(element{got})
	if err != nil || bytes.Contains(b, []byte("\ufffd")) {
		t.Errorf("XML(%q) = %q, written as %s: %v", name, got, b, err)
	}
	var back element
	if err := xml.Unmarshal(b, &back); err != nil || back.Text != got {
		t.Errorf("XML(%q) = %q, read back as %q: %v", name, got, back.Text, err)
	}
}

// checkCell checks that a spreadsheet finds one cell and no formula.
func checkCell(t *testing.T, name string) {
	t.Helper()
	var b strings.Builder
	w := csv.NewWriter(&b)
	if err := w.Write([]string{"1", plaintext.Cell(name), "3"}); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil || len(rows) != 1 || len(rows[0]) != 3 {
		t.Fatalf("Cell(%q) is written as %q: %v", name, b.String(), err)
	}
	if first, _ := utf8.DecodeRuneInString(rows[0][1]); strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		t.Errorf("Cell(%q) = %q", name, rows[0][1])
	}
}

// TestWords checks that harmless text stays readable.
func TestWords(t *testing.T) {
	t.Parallel()
	const plain = "North Korea: all 4 IPv4 prefixes lost since 16:15 UTC, 22 Dec 2014. 175.45.176.0/24 of AS131279; 95.5 % of it."
	for what, escape := range map[string]func(string) string{
		"Slack": text.Slack, "Telegram": text.Telegram, "Fediverse": text.Fediverse, "MatrixBody": text.MatrixBody, "HTML": text.HTML,
		"Relay": text.Relay, "MailHeader": text.MailHeader, "XML": text.XML, "Cell": plaintext.Cell, "terminal.Clean": terminal.Clean,
	} {
		if got := escape(plain); got != plain {
			t.Errorf("%s(%q) = %q", what, plain, got)
		}
	}
	for _, tt := range []struct{ what, got, want string }{
		{"Slack", text.Slack("<!channel> & co"), "&lt;!channel&gt; &amp; co"},
		{"Discord", text.Discord("@everyone *b*"), `@ everyone \*b\*`},
		{"Telegram", text.Telegram("/start 10.0.0.0/8 @x"), "/ start 10.0.0.0/8 @ x"},
		{"Fediverse", text.Fediverse("@everyone #tag ＃x a@b"), "@ everyone # tag ＃ x a@ b"},
		{"Markdown", text.Markdown("AS1 <b>*x*</b> [y](z)"), `AS1 \<b\>\*x\*\</b\> \[y\]\(z\)`},
		{"Markdown", text.Markdown("1. a\n- b"), "1\\. a\n\\- b"},
		{"HTML", text.HTML(`<a href="x">`), "&lt;a href=&#34;x&#34;&gt;"},
		{"MailHeader", text.MailHeader("a\r\nBcc: b"), "a Bcc: b"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.what, tt.got, tt.want)
		}
	}
}
