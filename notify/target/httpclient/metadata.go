package httpclient

import (
	"context"
	"errors"
	"net/netip"
	"syscall"
)

// errMetadata is the reason why a connection is refused.
var errMetadata = errors.New(
	"belongs to the metadata service of a cloud or to the local link, " +
		"where secrets of this machine can be read: no alert is sent there")

// metadata lists the addresses at which clouds serve secrets to their machines.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),         // link-local (RFC 3927): 169.254.169.254 of most clouds
	netip.MustParsePrefix("fe80::/10"),              // link-local (RFC 4291 §2.5.6)
	netip.MustParsePrefix("fd00:ec2::254/128"),      // AWS
	netip.MustParsePrefix("fd20:ce::254/128"),       // Google Cloud
	netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), // Oracle Cloud
	netip.MustParsePrefix("100.100.100.200/32"),     // Alibaba Cloud
	netip.MustParsePrefix("168.63.129.16/32"),       // Azure
}

// nat64 embeds IPv4 addresses in the last 32 bits (RFC 6052 §2.1).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// isMetadata reports whether an address is that of a metadata service, even if it is embedded in
// IPv6.
func isMetadata(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	for _, p := range metadata {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// refuseMetadata is called before a connection is made, with the address to which the name was
// resolved.
func refuseMetadata(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if isMetadata(at.Addr()) {
		return &metadataError{at.Addr()}
	}
	return nil
}

type metadataError struct{ addr netip.Addr }

func (e *metadataError) Error() string { return e.addr.String() + " " + errMetadata.Error() }

func (e *metadataError) Unwrap() error { return errMetadata }
