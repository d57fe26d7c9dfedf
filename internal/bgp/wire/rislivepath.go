package wire

import (
	"encoding/binary"

	"github.com/valyala/fastjson"

	"github.com/darkmap/darkmap/internal/bgp"
)

// pathWidth returns the width of AS numbers in the UPDATE's AS_PATH, in octets. In some data of
// 2019 the field raw has a width of two without any mark. The width that parses to the end of the
// path is the right one. If both do, the width is two only if the JSON path is the same.
func (d *RISLiveDecoder) pathWidth(body []byte, path *fastjson.Value) uint8 {
	width, certain := certainWidth(body)
	if certain {
		return width
	}
	_, attributes, _, _ := splitUpdate(body)
	value := findASPath(attributes)
	if path != nil && samePath(value, 2, path) {
		return 2
	}
	return 4
}

// certainWidth returns the width of AS numbers that the UPDATE's AS_PATH determines by itself.
func certainWidth(body []byte) (width uint8, certain bool) {
	_, attributes, _, err := splitUpdate(body)
	if err != nil {
		return 4, true
	}
	value := findASPath(attributes)
	switch two, four := pathFits(value, 2), pathFits(value, 4); {
	case four && !two, !four && !two, len(value) == 0:
		return 4, true
	case two && !four:
		return 2, true
	}
	return 4, false
}

// findASPath returns the value of AS_PATH, or nil if the list has none.
func findASPath(attributes []byte) []byte {
	for b := attributes; len(b) >= 3; {
		header, n := 3, int(b[2])
		if b[0]&0x10 != 0 { // extended length
			if len(b) < 4 {
				return nil
			}
			header, n = 4, int(binary.BigEndian.Uint16(b[2:]))
		}
		if n > len(b)-header {
			return nil
		}
		if b[1] == typeASPath {
			return b[header : header+n]
		}
		b = b[header+n:]
	}
	return nil
}

// samePath reports whether path, with flattened sets, has the AS numbers of the JSON path. path
// parses with width.
func samePath(path []byte, width int, want *fastjson.Value) bool {
	flat := flatten(nil, want)
	for len(path) > 0 {
		n := int(path[1])
		for i := range n {
			if len(flat) == 0 {
				return false
			}
			// With a width of two, AS_TRANS replaces an AS number of four octets (RFC 6793 §4.2.2).
			// The JSON path is merged already.
			if a := readASN(path[2+i*width:], width); a != flat[0] &&
				(width == 4 ||
					a != asTrans || flat[0] <= 0xffff) {
				return false
			}
			flat = flat[1:]
		}
		path = path[2+n*width:]
	}
	return len(flat) == 0
}

// flatten appends the AS numbers of a JSON path, in order. A value that is no AS number becomes 0.
func flatten(dst []bgp.ASN, v *fastjson.Value) []bgp.ASN {
	for _, e := range v.GetArray() {
		if e.Type() == fastjson.TypeArray {
			dst = flatten(dst, e)
			continue
		}
		dst = append(dst, bgp.ASN(e.GetUint()))
	}
	return dst
}
