package draft

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/dump"
)

// checkEvery is the number of records of a capture between two checks of ctx.
const checkEvery = 1024

// Read adds the prefixes that an AS originates in a capture. damaged counts the parts that could
// not be read. The error comes from opening or closing the file, or from ctx.
func (s Seen) Read(ctx context.Context, path string, asn bgp.ASN) (damaged int, err error) {
	r, err := capture.Open(path, nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	columns, err := dump.ParseColumns([]string{"prefix"})
	if err != nil {
		return 0, fmt.Errorf("reading prefixes: %w", err)
	}
	lines := dump.NewTSV(path, "", false, columns, dump.NewSelection(dump.Filter{Origins: []bgp.ASN{asn}}, 0))
	var buf []byte
	for n := 0; ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return damaged, ctx.Err()
		}
		it, err := r.Next()
		if errors.Is(err, io.EOF) {
			return damaged, nil
		}
		if err == nil {
			buf, err = lines.Append(buf[:0], it)
		}
		if err != nil {
			damaged++
			continue
		}
		for line := range bytes.Lines(buf) {
			// a line without a prefix is not a route
			if p, err := netip.ParsePrefix(string(bytes.TrimSpace(line))); err == nil {
				s.Add(p, asn)
			}
		}
	}
}
