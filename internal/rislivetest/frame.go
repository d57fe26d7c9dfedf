package rislivetest

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// message is an event in the form of the service, with the fields that filters test.
type message struct {
	host, typ, peer, path string
	announces, withdraws  bool
	prefixes              []netip.Prefix
	withRaw, plain        []byte
	// cut is the message with a truncated raw field.
	cut []byte
}

// announcement is an element of the frame's announcements.
type announcement struct {
	NextHop  string   `json:"next_hop"`
	Prefixes []string `json:"prefixes"`
}

// renderer builds frames. It is not safe for concurrent use.
type renderer struct {
	d         wire.Decoder
	n         uint64
	withoutID bool
}

// render builds the message of an event at time t, with the raw field and without.
func (r *renderer) render(e *Event, t time.Time) *message {
	r.n++
	m := &message{host: e.Host, peer: e.Peer.Address.String()}
	ms := t.UnixMilli()
	head := fmt.Sprintf(`{"type":"ris_message","data":{"timestamp":%d.%03d,`+
		`"peer":%q,"peer_asn":"%d","host":"%s.ripe.net"`,
		ms/1000, ms%1000, m.peer, e.Peer.ASN, e.Host)
	if !r.withoutID {
		head += fmt.Sprintf(`,"id":"%s-%012x%06x"`, m.peer, ms, r.n)
	}
	if e.Message == nil {
		m.typ = "STATE"
		m.plain = []byte(head + `,"type":"STATE","state":"` + stateWord(e.State) + `"}}`)
		m.withRaw, m.cut = m.plain, m.plain
		return m
	}
	body := r.fields(e, m)
	head += `,"type":"` + m.typ + `"` + body
	raw := strings.ToUpper(hex.EncodeToString(e.Message))
	m.plain = []byte(head + "}}")
	m.withRaw = []byte(head + `,"raw":"` + raw + `"}}`)
	m.cut = []byte(head + `,"raw":"` + raw[:len(raw)/2] + `"}}`)
	return m
}

func stateWord(s bgp.FSMState) string {
	switch s {
	case bgp.Established:
		return "up"
	case bgp.OpenSent, bgp.OpenConfirm:
		return "connected"
	default:
		return "down"
	}
}

// fields returns the fields of the message's type, each after a comma.
func (r *renderer) fields(e *Event, m *message) string {
	typ, body, err := wire.SplitMessage(e.Message)
	if err != nil {
		m.typ = "UPDATE"
		return ""
	}
	switch typ {
	case wire.MessageOpen:
		m.typ = "OPEN"
		return fmt.Sprintf(`,"direction":"received","version":4,"asn":%d,"hold_time":180,`+
			`"router_id":"192.0.2.1","capabilities":{}`,
			e.Peer.ASN)
	case wire.MessageNotification:
		m.typ = "NOTIFICATION"
		if len(body) < 2 {
			return ""
		}
		return fmt.Sprintf(`,"notification":{"code":%d,"subcode":%d,"data":"%X"}`, body[0], body[1], body[2:])
	case wire.MessageKeepalive:
		m.typ = "KEEPALIVE"
		return ""
	default:
	}
	m.typ = "UPDATE"
	u, err := r.d.DecodeUpdate(body, wire.Options{ASOctets: e.ASOctets})
	if err != nil {
		return ""
	}
	return update(u, m)
}

// update returns the fields of an UPDATE in the form of the service.
func update(u *wire.Update, m *message) string {
	fields := map[string]any{}
	var withdrawals []string
	for _, n := range u.Withdrawn {
		m.prefixes, m.withdraws = append(m.prefixes, n.Prefix), true
		withdrawals = append(withdrawals, n.Prefix.String())
	}
	var announcements []announcement
	for _, n := range u.Announced {
		m.prefixes, m.announces = append(m.prefixes, n.Prefix), true
		hop := u.NextHop(n).String()
		if last := len(announcements) - 1; last < 0 || announcements[last].NextHop != hop {
			announcements = append(announcements, announcement{NextHop: hop})
		}
		last := &announcements[len(announcements)-1]
		last.Prefixes = append(last.Prefixes, n.Prefix.String())
	}
	fields["withdrawals"], fields["announcements"] = withdrawals, announcements
	if m.announces {
		a := &u.Attributes
		fields["path"], m.path = path(a.Path)
		fields["origin"] = [...]string{"IGP", "EGP", "INCOMPLETE"}[min(a.Origin, 2)]
		communities := make([][2]uint32, len(a.Communities))
		for i, c := range a.Communities {
			communities[i] = [2]uint32{c >> 16, c & 0xffff}
		}
		fields["community"] = communities
		if a.HasMED {
			fields["med"] = a.MED
		}
		if a.HasAggregator {
			fields["aggregator"] = fmt.Sprintf("%d:%s", a.Aggregator.ASN, a.Aggregator.Address)
		}
	}
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err) // unreachable: strings and numbers always encode
	}
	return "," + strings.Trim(string(b), "{}")
}

// path returns an AS path in the form of the service, and as text for filters.
func path(p bgp.ASPath) (list []any, text string) {
	var words []string
	for _, s := range p {
		set := make([]any, len(s.ASNs))
		for i, a := range s.ASNs {
			set[i] = a
			words = append(words, fmt.Sprint(uint32(a)))
		}
		if s.Type == bgp.ASSet {
			list = append(list, set)
		} else {
			list = append(list, set...)
		}
	}
	return list, strings.Join(words, ",")
}
