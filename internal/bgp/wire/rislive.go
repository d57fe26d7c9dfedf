package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/valyala/fastjson"

	"github.com/darkmap/darkmap/internal/bgp"
)

// MaxRISLiveMessage caps one JSON object of RIS Live, in octets. An extended BGP message full of
// prefixes stays below it.
const MaxRISLiveMessage = 1 << 20

// Bounds on the memory of the JSON parser. The number of octets alone does not bound it.
const (
	risMaxValues  = 200_000
	risMaxDepth   = 32
	risParserLife = 4 << 20 // octets after which the parser is replaced: it never frees memory
	risMaxNames   = 4096
)

// ErrNotRISLive means JSON that is no message of RIS Live.
var ErrNotRISLive = errors.New("not a RIS Live message")

// RISLiveKind is the kind of a message of RIS Live.
type RISLiveKind uint8

// The kinds. Those up to RISState are of type ris_message.
const (
	RISUpdate RISLiveKind = iota + 1
	RISOpen
	RISNotification
	RISKeepalive
	RISState
	RISError
	RISRRCList
	RISSubscribeOK
	RISPong
	// RISUnknown is a type that the manual of the service does not name. Count and skip it.
	RISUnknown
)

// String returns the word of the service.
func (k RISLiveKind) String() string {
	names := [...]string{
		RISUpdate: "UPDATE", RISOpen: "OPEN", RISNotification: "NOTIFICATION",
		RISKeepalive: "KEEPALIVE", RISState: "STATE", RISError: "ris_error",
		RISRRCList: "ris_rrc_list", RISSubscribeOK: "ris_subscribe_ok", RISPong: "pong",
		RISUnknown: "unknown",
	}
	if k != 0 && int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("RIS Live kind %d", uint8(k))
}

// RISLiveMessage is a message of RIS Live. Its slices belong to the decoder and are valid until its
// next call.
type RISLiveMessage struct {
	Kind RISLiveKind
	// Timestamp is the collector's timestamp, in microseconds since 1970.
	Timestamp int64
	// Collector is the canonical name, such as ris/rrc00, of the message's host.
	Collector string
	Peer      bgp.Peer
	// ID identifies duplicates of the message. It has had several forms; never parse it.
	ID []byte
	// Sent reports whether the collector sent the message to the peer.
	Sent bool
	// Message is the whole BGP message with its marker, and Options describe how to decode it.
	// Message comes from the field raw. If raw is absent, or unusable (RawError), the decoder
	// builds it from the other fields and sets FromJSON. If those are unusable too, an UPDATE was
	// lost: Message holds the decoded octets of raw, or a header alone (Decoder.Salvage).
	Message  []byte
	Options  Options
	FromJSON bool
	RawError error
	// State is the new state of the peer: established for up, idle for down, opensent for
	// connected.
	State bgp.FSMState
	// Text is a text from the service: the message of a ris_error, or the type of an unknown
	// message.
	Text string
	// Hosts lists the collectors of a ris_rrc_list, in the spelling of the message.
	Hosts []string
}

// RISLiveDecoder decodes messages of RIS Live. The zero value is ready. It is not safe for
// concurrent use.
type RISLiveDecoder struct {
	parser     *fastjson.Parser
	life       int
	raw        []byte
	builder    risBuilder
	collectors map[string]string
	addresses  map[string]netip.Addr
	scratch    []byte
}

// Decode decodes one JSON object: {"type": ..., "data": ...}. It takes the BGP message of a
// ris_message from raw. Without raw it encodes the other fields as a BGP message, so that later
// steps read every source in the same way. The error is ErrNotRISLive, or names the faulty field.
func (d *RISLiveDecoder) Decode(line []byte, m *RISLiveMessage) error {
	*m = RISLiveMessage{}
	if d.quick(line, m) {
		return nil
	}
	*m = RISLiveMessage{}
	v, err := d.parse(line)
	if err != nil {
		return err
	}
	typ := v.GetStringBytes("type")
	if v.Type() != fastjson.TypeObject || typ == nil {
		return ErrNotRISLive
	}
	data := v.Get("data")
	switch string(typ) {
	case "ris_message":
		if data == nil || data.Type() != fastjson.TypeObject {
			return fmt.Errorf("decoding a ris_message: %w: no data", ErrNotRISLive)
		}
		if err := d.message(data, m); err != nil {
			return fmt.Errorf("decoding a ris_message: %w", err)
		}
	case "ris_error":
		m.Kind, m.Text = RISError, string(data.GetStringBytes("message"))
	case "ris_rrc_list":
		m.Kind = RISRRCList
		for _, h := range data.GetArray() {
			m.Hosts = append(m.Hosts, string(h.GetStringBytes()))
		}
	case "ris_subscribe_ok":
		m.Kind = RISSubscribeOK
	case "pong":
		m.Kind = RISPong
	default:
		m.Kind, m.Text = RISUnknown, string(typ[:min(len(typ), 64)])
	}
	return nil
}

// parse checks the bounds and parses the JSON.
func (d *RISLiveDecoder) parse(line []byte) (*fastjson.Value, error) {
	switch {
	case len(line) > MaxRISLiveMessage:
		return nil, fmt.Errorf("parsing JSON of %d octets: %w", len(line), ErrBadLength)
	case bytes.Count(line, []byte{','}) > risMaxValues:
		return nil, fmt.Errorf("parsing JSON of more than %d values: %w", risMaxValues, ErrBadLength)
	case bytes.Count(line, []byte{'['})+bytes.Count(line, []byte{'{'}) > risMaxDepth &&
		jsonDepth(line) > risMaxDepth:
		return nil, fmt.Errorf("parsing JSON nested more than %d deep: %w", risMaxDepth, ErrBadLength)
	}
	if d.parser == nil || d.life > risParserLife {
		d.parser, d.life = new(fastjson.Parser), 0
	}
	d.life += len(line)
	v, err := d.parser.ParseBytes(line)
	if err != nil {
		text := err.Error()
		return nil, fmt.Errorf("parsing JSON: %s", text[:min(len(text), 200)])
	}
	return v, nil
}

// jsonDepth returns the depth of nested objects and arrays.
func jsonDepth(b []byte) int {
	depth, most, inString := 0, 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			inString = !inString
		case inString && c == '\\':
			i++
		case inString:
		case c == '[' || c == '{':
			depth++
			most = max(most, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return most
}

// message decodes the data of a ris_message.
func (d *RISLiveDecoder) message(data *fastjson.Value, m *RISLiveMessage) error {
	var err error
	if m.Timestamp, err = d.timestamp(data.Get("timestamp")); err != nil {
		return err
	}
	if m.Peer, err = d.peer(data); err != nil {
		return err
	}
	if m.Collector, err = d.collector(data.GetStringBytes("host")); err != nil {
		return err
	}
	m.ID = data.GetStringBytes("id")
	m.Sent = string(data.GetStringBytes("direction")) == "sent"
	typ := data.GetStringBytes("type")
	switch string(typ) {
	case "UPDATE":
		m.Kind = RISUpdate
		return d.bgp(data, MessageUpdate, m)
	case "OPEN":
		m.Kind = RISOpen
		return d.bgp(data, MessageOpen, m)
	case "NOTIFICATION":
		m.Kind = RISNotification
		return d.bgp(data, MessageNotification, m)
	case "KEEPALIVE":
		m.Kind = RISKeepalive
		return d.bgp(data, MessageKeepalive, m)
	case "STATE", "RIS_PEER_STATE":
		m.Kind = RISState
		m.State, err = risState(data.GetStringBytes("state"))
		return err
	}
	m.Kind, m.Text = RISUnknown, string(typ[:min(len(typ), 64)])
	return nil
}

// risState maps a word of the service to a state of the finite state machine.
func risState(word []byte) (bgp.FSMState, error) {
	switch string(word) {
	case "up":
		return bgp.Established, nil
	case "down":
		return bgp.Idle, nil
	case "connected":
		return bgp.OpenSent, nil
	}
	return 0, fmt.Errorf("unknown peer state %q", word[:min(len(word), 32)])
}

// bgp takes the BGP message from raw, or builds it from the other fields.
func (d *RISLiveDecoder) bgp(data *fastjson.Value, want MessageType, m *RISLiveMessage) error {
	if raw := data.GetStringBytes("raw"); raw != nil {
		m.RawError = d.unhex(raw, want, m)
		if m.RawError == nil {
			m.Options.ASOctets = 4
			if want == MessageUpdate {
				m.Options.ASOctets = d.pathWidth(m.Message[HeaderLength:], data.Get("path"))
			}
			return nil
		}
	}
	m.FromJSON, m.Options = true, Options{ASOctets: 4}
	var err error
	m.Message, err = d.builder.build(data, want)
	switch {
	case err == nil:
		return nil
	case m.RawError == nil && errors.Is(err, errNoPrefixes):
		m.Kind, m.Text, m.FromJSON = RISUnknown, errNoPrefixes.Error(), false
		return nil
	case want == MessageUpdate:
		if m.RawError != nil {
			err = fmt.Errorf("%w; and %w", m.RawError, err)
		}
		m.FromJSON, m.RawError, m.Message = false, err, d.lostUpdate(m.RawError != nil)
		return nil
	case m.RawError != nil:
		return fmt.Errorf("%w; and %w", m.RawError, err)
	}
	return err
}

// lostUpdate returns the octets that represent a lost UPDATE: the decoded octets of raw if they are
// an UPDATE, else the header of the shortest UPDATE.
func (d *RISLiveDecoder) lostUpdate(raw bool) []byte {
	if raw && len(d.raw) > HeaderLength && MessageType(d.raw[18]) == MessageUpdate {
		return d.raw
	}
	d.raw = AppendMessage(d.raw[:0], MessageUpdate, make([]byte, 4))[:HeaderLength]
	return d.raw
}

// unhex decodes raw and checks that it is a whole message of the type in the JSON.
func (d *RISLiveDecoder) unhex(raw []byte, want MessageType, m *RISLiveMessage) error {
	n := len(raw) / 2
	if cap(d.raw) < n {
		d.raw = make([]byte, n, max(n, 4<<10))
	}
	d.raw = d.raw[:n]
	n, err := hex.Decode(d.raw, raw)
	if d.raw = d.raw[:n]; err != nil {
		return fmt.Errorf("field raw: %w", err)
	}
	typ, body, err := SplitMessage(d.raw)
	if err != nil {
		return fmt.Errorf("field raw: %w", err)
	}
	if typ != want {
		return fmt.Errorf("field raw: a BGP %s, but the JSON describes an %s: %w", typ, want, ErrUnsupported)
	}
	m.Message = d.raw[:HeaderLength+len(body)]
	return nil
}

// timestamp parses seconds with a fraction, without a float.
func (d *RISLiveDecoder) timestamp(v *fastjson.Value) (int64, error) {
	if v == nil || v.Type() != fastjson.TypeNumber {
		return 0, errors.New("field timestamp: missing or no number")
	}
	d.scratch = v.MarshalTo(d.scratch[:0])
	return risTime(d.scratch)
}

// risTime parses seconds with a fraction. It returns microseconds.
func risTime(text []byte) (int64, error) {
	seconds, fraction, _ := bytes.Cut(text, []byte{'.'})
	us, err := strconv.ParseUint(string(seconds), 10, 34)
	if err != nil {
		return 0, fmt.Errorf("field timestamp: %w", err)
	}
	for i := range 6 {
		us *= 10
		if i < len(fraction) {
			c := fraction[i]
			if c < '0' || c > '9' {
				return 0, fmt.Errorf("field timestamp: %q", text[:min(len(text), 32)])
			}
			us += uint64(c - '0')
		}
	}
	return int64(us), nil
}

// peer parses peer and peer_asn. Some data have the AS number as a string, others as a number.
func (d *RISLiveDecoder) peer(data *fastjson.Value) (bgp.Peer, error) {
	var p bgp.Peer
	addr, err := d.address(data.GetStringBytes("peer"))
	if err != nil {
		return p, err
	}
	d.scratch = d.scratch[:0]
	switch asn := data.Get("peer_asn"); {
	case asn == nil:
	case asn.Type() == fastjson.TypeString:
		d.scratch = append(d.scratch, asn.GetStringBytes()...)
	default:
		d.scratch = asn.MarshalTo(d.scratch)
	}
	n, err := bgp.ParseASN(string(d.scratch))
	if err != nil {
		return p, fmt.Errorf("field peer_asn: no AS number: %q", d.scratch[:min(len(d.scratch), 32)])
	}
	return bgp.Peer{Address: addr, ASN: n}, nil
}

// address parses a peer's address, or takes it from its cache.
func (d *RISLiveDecoder) address(text []byte) (netip.Addr, error) {
	addr, ok := d.addresses[string(text)]
	if ok {
		return addr, nil
	}
	addr, err := netip.ParseAddr(string(text))
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("field peer: no address: %q", text[:min(len(text), 64)])
	}
	if d.addresses == nil || len(d.addresses) >= risMaxNames {
		d.addresses = map[string]netip.Addr{}
	}
	d.addresses[string(text)] = addr
	return addr, nil
}

// collector returns the canonical name of a host.
func (d *RISLiveDecoder) collector(host []byte) (string, error) {
	if name, ok := d.collectors[string(host)]; ok {
		return name, nil
	}
	name, err := bgp.CollectorName(bgp.ProjectRIS, string(host[:min(len(host), 64)]))
	if err != nil {
		return "", fmt.Errorf("field host: %w", err)
	}
	if d.collectors == nil || len(d.collectors) >= risMaxNames {
		d.collectors = map[string]string{}
	}
	d.collectors[string(host)] = name
	return name, nil
}
