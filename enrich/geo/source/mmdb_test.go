package source

import (
	"encoding/binary"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"testing"
)

// mmdb writes a database of the MaxMind DB format 2.0: a tree of 32-bit records over IPv6
// addresses, with IPv4 below ::/96, then the data section and the metadata. It supports texts,
// numbers, maps and lists, but no pointers.
type mmdb struct {
	nodes [][2]uint32 // a value below base is a node, one from base on a record; 0 is empty
	data  []byte
}

const mmdbData = 1 << 24 // marks an offset into data while the number of nodes is unknown

func newMMDB() *mmdb { return &mmdb{nodes: [][2]uint32{{}}} }

func (m *mmdb) insert(prefix string, record map[string]any) {
	p := netip.MustParsePrefix(prefix)
	bits, addr := p.Bits(), p.Addr().As16()
	if p.Addr().Is4() {
		bits += 96
		a := p.Addr().As4()
		addr = [16]byte{12: a[0], a[1], a[2], a[3]}
	}
	at := mmdbData + uint32(len(m.data))
	m.data = appendMMDB(m.data, record)
	node := uint32(0)
	for i := range bits {
		side := addr[i/8] >> (7 - i%8) & 1
		if i == bits-1 {
			m.nodes[node][side] = at
			return
		}
		if m.nodes[node][side] == 0 {
			m.nodes = append(m.nodes, [2]uint32{})
			m.nodes[node][side] = uint32(len(m.nodes) - 1)
		}
		node = m.nodes[node][side]
	}
}

func (m *mmdb) encode(kind string) []byte {
	var b []byte
	n := uint32(len(m.nodes))
	for _, node := range m.nodes {
		for _, v := range node {
			switch {
			case v == 0:
				v = n
			case v >= mmdbData:
				v = v - mmdbData + n + 16
			}
			b = binary.BigEndian.AppendUint32(b, v)
		}
	}
	b = append(append(b, make([]byte, 16)...), m.data...)
	b = append(b, "\xab\xcd\xefMaxMind.com"...)
	return appendMMDB(b, map[string]any{
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "build_epoch": uint64(1),
		"database_type": kind, "description": map[string]any{}, "ip_version": uint16(6), "languages": []any{},
		"node_count": n, "record_size": uint16(32),
	})
}

// appendMMDB encodes v: types 2 text, 5, 6 and 9 numbers, 7 map, 11 list.
func appendMMDB(b []byte, v any) []byte {
	control := func(kind, size int) {
		head := byte(kind << 5)
		if kind > 7 {
			head = 0
		}
		switch {
		case size < 29:
			b = append(b, head|byte(size))
		default:
			b = append(b, head|29)
		}
		if kind > 7 {
			b = append(b, byte(kind-7))
		}
		if size >= 29 {
			b = append(b, byte(size-29))
		}
	}
	switch v := v.(type) {
	case string:
		control(2, len(v))
		return append(b, v...)
	case uint16:
		control(5, 2)
		return binary.BigEndian.AppendUint16(b, v)
	case uint32:
		control(6, 4)
		return binary.BigEndian.AppendUint32(b, v)
	case uint64:
		control(9, 8)
		return binary.BigEndian.AppendUint64(b, v)
	case []any:
		control(11, len(v))
		for _, e := range v {
			b = appendMMDB(b, e)
		}
		return b
	case map[string]any:
		control(7, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			b = appendMMDB(b, k)
			b = appendMMDB(b, v[k])
		}
		return b
	}
	panic("no such type")
}

func TestMMDB(t *testing.T) {
	t.Parallel()
	m := newMMDB()
	m.insert("192.0.2.0/25", map[string]any{ // GeoLite2 and GeoIP2 City
		"country":      map[string]any{"iso_code": "KP", "names": map[string]any{"en": "North Korea"}},
		"subdivisions": []any{map[string]any{"iso_code": "01"}},
	})
	m.insert("192.0.2.128/25", map[string]any{"registered_country": map[string]any{"iso_code": "IR"}})
	m.insert("198.51.100.0/25", map[string]any{"country_code": "SY"})                                                         // ip-location-db
	m.insert("198.51.100.128/25", map[string]any{"country": "Syria", "country_code": "SY", "asn": "AS64496", "as_name": "N"}) // IPinfo Lite
	m.insert("203.0.113.0/26", map[string]any{"country": "US", "region": "California"})                                       // IPinfo
	m.insert("203.0.113.64/26", map[string]any{"country": map[string]any{"iso_code": "EU"}})                                  // no country
	m.insert("203.0.113.128/25", map[string]any{"autonomous_system_number": uint32(64497), "autonomous_system_organization": "Two"})
	m.insert("2001:db8::/32", map[string]any{"country_code": "DE", "state1": "Berlin"})
	content := m.encode("Test-City")
	want := []string{
		"192.0.2.0-192.0.2.127 KP KP-01", "192.0.2.128-192.0.2.255 IR", "198.51.100.0-198.51.100.127 SY",
		"198.51.100.128-198.51.100.255 SY AS64496 N", "203.0.113.0-203.0.113.63 US", "203.0.113.128-203.0.113.255 AS64497 Two",
		"2001:db8::-2001:db8:ffff:ffff:: DE",
	}
	got, info := read(t, content)
	compare(t, "MMDB", got, want)
	if info.Format != FormatMMDB || info.Kind != "Test-City" || info.Rows != 8 {
		t.Errorf("info = %+v, want 8 rows of an MMDB of kind Test-City", info)
	}
	compare(t, "the same, compressed", first(read(t, compress(t, content))), want)
	for _, n := range []int{len(content) / 2, len(content) - 1, 200} {
		if _, _, err := tryRead(content[:n]); err == nil {
			t.Errorf("an MMDB cut after %d of %d octets was read without an error", n, len(content))
		}
	}
}

// A tree in which both records of every node refer to the next node has 2^96 networks in a few
// hundred octets.
func TestMMDBRefusesATreeThatIsNone(t *testing.T) {
	t.Parallel()
	bomb := newMMDB()
	bomb.data = appendMMDB(nil, map[string]any{"country_code": "KP"})
	for i := range uint32(96) {
		bomb.nodes[i] = [2]uint32{i + 1, i + 1}
		bomb.nodes = append(bomb.nodes, [2]uint32{mmdbData, mmdbData})
	}
	if _, _, err := tryRead(bomb.encode("bomb")); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a bomb: %v, want %v", err, ErrTooLarge)
	}
	loop := newMMDB()
	loop.nodes[0] = [2]uint32{1, 0}
	loop.nodes = append(loop.nodes, [2]uint32{2, mmdbData}, [2]uint32{1, 2})
	if _, _, err := tryRead(loop.encode("loop")); !errors.Is(err, ErrDamaged) {
		t.Errorf("a loop: %v, want %v", err, ErrDamaged)
	}
}
