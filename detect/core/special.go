package core

import "net/netip"

// notAddressSpace returns the default of detect.not_address_space: the space that IANA's registries
// for special purposes (RFC 6890) and its registry of the IPv6 address space assign to no network.
// It leaves out anycast services that networks run (AS112, AMT), and the space for private use,
// documentation and benchmarking, which laboratories, examples and tests use.
func notAddressSpace() []netip.Prefix {
	list := [...]string{
		"0.0.0.0/8",      // this network (RFC 791)
		"100.64.0.0/10",  // shared (RFC 6598)
		"127.0.0.0/8",    // loopback (RFC 1122)
		"169.254.0.0/16", // link-local (RFC 3927)
		"192.0.0.0/24",   // IETF protocol assignments (RFC 6890)
		"192.88.99.0/24", // 6to4 relays (RFC 7526)
		"224.0.0.0/4",    // multicast (RFC 1112)
		"240.0.0.0/4",    // reserved (RFC 1112)
		"::/3",           // not global unicast (RFC 4291): NAT64 64:ff9b::/96, discard 100::/64
		"2001::/32",      // Teredo (RFC 4380)
		"2001:10::/28",   // ORCHID (RFC 4843)
		"2001:20::/28",   // ORCHIDv2 (RFC 7343)
		"2001:30::/28",   // drone remote ID (RFC 9374)
		"2002::/16",      // 6to4: IPv4 addresses (RFC 3056)
		"4000::/2",       // not global unicast: SRv6 SIDs 5f00::/16 (RFC 9602)
		// not global unicast: unique local fc00::/7, link-local fe80::/10, multicast ff00::/8
		"8000::/1",
	}
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}
