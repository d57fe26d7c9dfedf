package capture

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// magic is the signature of another file format.
type magic struct {
	at    int
	magic string
	what  string
}

// foreign are the formats whose files may hold records of a capture: packets of a BMP session, an
// archive of MRT files. Their signatures are long enough not to occur in a damaged capture.
var foreign = [...]magic{
	{0, "\xd4\xc3\xb2\xa1", "a pcap capture of network packets"},
	{0, "\xa1\xb2\xc3\xd4", "a pcap capture of network packets"},
	{0, "\x4d\x3c\xb2\xa1", "a pcap capture of network packets"},
	{0, "\xa1\xb2\x3c\x4d", "a pcap capture of network packets"},
	{0, "\x0a\x0d\x0d\x0a", "a pcapng capture of network packets"},
	{0, "PK\x03\x04", "a zip archive, which has to be unpacked"},
	{0, "7z\xbc\xaf\x27\x1c", "a 7z archive, which has to be unpacked"},
	{0, "\xfd7zXZ\x00", "packed with xz, which is not supported"},
	{0, "\x04\x22\x4d\x18", "packed with lz4, which is not supported"},
	{257, "ustar", "a tar archive, which has to be unpacked"},
	{0, "PAR1", "a Parquet file"},
	{0, "\x7fELF", "a program"},
	{0, "%PDF-", "a PDF document"},
	{0, "SQLite format 3", "a SQLite database"},
}

// texts are text formats, by their first characters after white space.
var texts = [...]magic{
	{0, "BGP4MP|", "the text that bgpdump -m prints"},
	{0, "BGP4MP_ET|", "the text that bgpdump -m prints"},
	{0, "TABLE_DUMP|", "the text that bgpdump -m prints"},
	{0, "TABLE_DUMP2|", "the text that bgpdump -m prints"},
	{0, "TIME: ", "the text that bgpdump prints"},
	{0, "<!DOCTYPE html", "a web page"},
	{0, "<!doctype html", "a web page"},
	{0, "<html", "a web page"},
	{0, "<?xml", "XML"},
	{0, "[", "a JSON array"},
	{0, "<", "a web page or XML"},
}

func (m *magic) is(b []byte) bool {
	return len(b) >= m.at+len(m.magic) && string(b[m.at:m.at+len(m.magic)]) == m.magic
}

// foreignFormat returns an error that names the format if the file surely has one of foreign, else
// nil.
func foreignFormat(b []byte) error {
	for i := range foreign {
		if foreign[i].is(b) {
			return isNoCapture(foreign[i].what)
		}
	}
	return nil
}

// unknownFormat returns ErrUnknownFormat with the format that the file seems to have.
func unknownFormat(b []byte) error {
	t := bytes.TrimLeft(bytes.TrimPrefix(b, utf8BOM), " \t\r\n")
	for i := range texts {
		if texts[i].is(t) {
			return isNoCapture(texts[i].what)
		}
	}
	if isText(b) {
		return isNoCapture("text")
	}
	return ErrUnknownFormat
}

func isNoCapture(what string) error { return fmt.Errorf("it is %s, %w", what, ErrUnknownFormat) }

// isText reports whether the beginning of b is text.
func isText(b []byte) bool {
	b = b[:min(len(b), 512)]
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 && len(b)-i >= utf8.UTFMax ||
			r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		i += n
	}
	return len(b) > 0
}
