package deadletter

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/terminal"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// shownHex bounds the hex dump of a value, in octets, unless all are requested.
	shownHex = 4 << 10
	// shownText bounds the decoded value, in octets.
	shownText = 64 << 10
	// shownRoutes bounds the listed prefixes of a BGP message.
	shownRoutes = 100
)

// Lines shows a letter for people: its position, its reason, its value decoded as far as possible
// and as a hex dump. Text from outside is escaped. all shows the whole value.
func (o One) Lines(all bool) []string {
	lines := []string{
		"dead letter  " + o.ID.String() + ", " + timeText(o.Time) + " UTC",
		"stage        " + terminal.Clean(o.Stage),
		"reason       " + terminal.Clean(o.Reason),
		"read from    " + terminal.Clean(o.position()),
	}
	if c := o.Collector(); c != "" {
		lines = append(lines, "collector    "+terminal.Clean(c))
	} else if len(o.Key) > 0 {
		lines = append(lines, "key          "+terminal.Clean(string(o.Key)))
	}
	if o.Truncated {
		lines = append(lines, "truncated    the value was cut and the key left out, for they were too long")
	}
	lines = append(lines, "sent back    "+o.fate(), "")
	lines = append(lines, o.decoded()...)
	return append(lines, o.dump(all)...)
}

// position returns the position at which the record was read.
func (o One) position() string {
	text := orUnknown(o.Topic)
	if o.named != "" {
		text += fmt.Sprintf(", partition %d", o.Partition)
	}
	return text + fmt.Sprintf(", offset %d", o.Offset)
}

func (o One) fate() string {
	if !o.SentBack.IsZero() {
		return "at " + timeText(o.SentBack) + " UTC"
	}
	if why := o.Refusal(); why != "" {
		return "not possible: " + terminal.Clean(why)
	}
	return "no"
}

func timeText(t time.Time) string { return t.UTC().Format(time.DateTime) }

// decoded shows the value in the type of its topic.
func (o One) decoded() []string {
	var lines []string
	raw, options := []byte(nil), wire.Options{}
	if m := o.message(); m != nil {
		err := proto.Unmarshal(o.Value, m)
		name := string(m.ProtoReflect().Descriptor().Name())
		if err != nil {
			lines = append(lines, "no "+name+": "+terminal.Clean(err.Error())+"; what could be read before that:")
		} else {
			lines = append(lines, name+":")
		}
		lines = append(lines, protoLines(m)...)
		if update, ok := m.(*pb.UpdateRecord); ok && update.GetBgpMessage() != nil {
			b := update.GetBgpMessage()
			raw = b.Raw
			options = wire.Options{ASOctets: uint8(b.AsOctets), AddPathIPv4: b.AddPathIpv4, AddPathIPv6: b.AddPathIpv6}
		}
	} else if utf8.Valid(o.Value) && !bytes.ContainsRune(o.Value, 0) {
		lines = append(lines, "as text:")
		for line := range strings.SplitSeq(cut(string(o.Value)), "\n") {
			lines = append(lines, "  "+terminal.Clean(line))
		}
	} else {
		raw = o.Value
	}
	return append(lines, bgpLines(raw, options)...)
}

// message returns an empty message of the topic's type; nil if the type is unknown.
func (o One) message() proto.Message {
	for _, t := range schemas.Topics {
		if t.Name != o.named || t.Value == "" {
			continue
		}
		mt, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("darkmap.v1." + t.Value))
		if err != nil {
			return nil
		}
		return mt.New().Interface()
	}
	return nil
}

func protoLines(m proto.Message) []string {
	text, err := protojson.MarshalOptions{Multiline: true, Indent: "  ", AllowPartial: true}.Marshal(m)
	if err != nil {
		return []string{"  it cannot be shown: " + terminal.Clean(err.Error())}
	}
	var lines []string
	for line := range strings.SplitSeq(cut(string(text)), "\n") {
		lines = append(lines, "  "+terminal.Clean(line))
	}
	return lines
}

func cut(s string) string {
	if len(s) <= shownText {
		return s
	}
	return s[:shownText] + "\n" + fmt.Sprintf("... and %d more octets", len(s)-shownText)
}

// bgpLines decodes a BGP message from its marker on (RFC 4271 section 4.1), as far as possible. It
// returns none if raw does not begin with a marker.
func bgpLines(raw []byte, o wire.Options) []string {
	if !bytes.HasPrefix(raw, bytes.Repeat([]byte{0xff}, 16)) {
		return nil
	}
	if len(raw) < wire.HeaderLength {
		return []string{"BGP message: cut in its header"}
	}
	length, kind := int(raw[16])<<8|int(raw[17]), wire.MessageType(raw[18])
	lines := []string{
		fmt.Sprintf("BGP message: type %d, length %d in its header, %d octets are here", kind, length, len(raw)),
	}
	if kind != wire.MessageUpdate {
		return lines
	}
	var d wire.Decoder
	body := raw[wire.HeaderLength:]
	u, err := d.DecodeUpdate(body, o)
	if err != nil {
		lines = append(lines, "  UPDATE: "+terminal.Clean(err.Error()))
		var ok bool
		if u, ok = d.Salvage(raw, o); !ok {
			return lines
		}
		lines = append(lines, "  what can be read of it:")
	}
	if u.Malformed != nil {
		lines = append(lines, "  malformed: "+terminal.Clean(u.Malformed.Error()))
	}
	lines = append(lines, routes("withdrawn", u.Withdrawn), routes("announced", u.Announced))
	return append(lines, "  AS path: "+u.Attributes.Path.String())
}

func routes(title string, list []wire.NLRI) string {
	names := make([]string, 0, min(len(list), shownRoutes))
	for _, n := range list[:min(len(list), shownRoutes)] {
		names = append(names, n.Prefix.String())
	}
	text := fmt.Sprintf("  %s: %s", title, bgp.Count(len(list), "prefix"))
	if len(names) > 0 {
		text += ": " + strings.Join(names, " ")
	}
	if more := len(list) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// dump returns a hex dump of the value, without characters outside ASCII.
func (o One) dump(all bool) []string {
	shown := o.Value
	if !all {
		shown = shown[:min(len(shown), shownHex)]
	}
	lines := []string{fmt.Sprintf("value, %s:", bgp.Count(len(o.Value), "octet"))}
	for line := range strings.SplitSeq(strings.TrimSuffix(hex.Dump(shown), "\n"), "\n") {
		lines = append(lines, "  "+line)
	}
	if more := len(o.Value) - len(shown); more > 0 {
		lines = append(lines, fmt.Sprintf("  ... and %s more: --all shows them", bgp.Count(more, "octet")))
	}
	return lines
}

// MarshalJSON returns the object of --format json. Letters in a List have no key and no value.
func (o One) MarshalJSON() ([]byte, error) {
	object := map[string]any{
		"id": o.ID.String(), "time": o.Time, "stage": o.Stage, "reason": o.Reason, "topic": o.Topic,
		"partition": o.Partition, "offset": o.Offset,
		"collector": o.Collector(), "truncated": o.Truncated, "refusal": o.Refusal(),
	}
	if !o.SentBack.IsZero() {
		object["sent_back"] = o.SentBack
	}
	if o.Value != nil {
		object["key_hex"], object["value_hex"] = hex.EncodeToString(o.Key), hex.EncodeToString(o.Value)
	}
	return json.Marshal(object)
}
