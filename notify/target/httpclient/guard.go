package httpclient

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/darkmap/darkmap/notify/target"
)

// Refuse returns an error if a host is a metadata service, by its address or its name. It is for
// libraries that connect by themselves; a Client checks each address to which it connects. A name
// that cannot be resolved is not refused.
func Refuse(ctx context.Context, host string) error {
	addrs := []netip.Addr{}
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = append(addrs, a)
	} else if found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host); err == nil {
		addrs = found
	}
	for _, a := range addrs {
		if isMetadata(a) {
			return &target.Fault{Err: fmt.Errorf("%s: the address %w", host, &metadataError{a}), Refused: true}
		}
	}
	return nil
}
