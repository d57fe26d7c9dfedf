package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// message frames a body.
func message(kind wire.MessageType, body []byte) []byte {
	b := bytes.Repeat([]byte{0xff}, 16)
	b = binary.BigEndian.AppendUint16(b, uint16(wire.HeaderLength+len(body)))
	return append(append(b, byte(kind)), body...)
}

func TestSplitMessage(t *testing.T) {
	t.Parallel()
	whole := message(wire.MessageUpdate, []byte{0, 0, 0, 0})
	extended := message(wire.MessageUpdate, make([]byte, 60000))
	marker := bytes.Clone(whole)
	marker[7] = 0
	short := bytes.Clone(whole)
	short[16], short[17] = 0, 18
	tests := map[string]struct {
		raw  []byte
		body int
		err  error
	}{
		"whole":             {whole, 4, nil},
		"followed by more":  {append(bytes.Clone(whole), 1, 2, 3), 4, nil},
		"extended":          {extended, 60000, nil},
		"no body":           {message(wire.MessageKeepalive, nil), 0, nil},
		"empty":             {nil, 0, wire.ErrTruncated},
		"header is cut":     {whole[:18], 0, wire.ErrTruncated},
		"body is cut":       {whole[:22], 0, wire.ErrTruncated},
		"marker":            {marker, 0, wire.ErrBadMarker},
		"length under head": {short, 0, wire.ErrBadLength},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, body, err := wire.SplitMessage(tt.raw)
			if !errors.Is(err, tt.err) || len(body) != tt.body {
				t.Errorf("SplitMessage(%x): got %d octets, %v, want %d, %v", tt.raw[:min(len(tt.raw), 24)], len(body), err, tt.body, tt.err)
			}
		})
	}
}
