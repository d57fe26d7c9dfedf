package capture

import (
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// Kind says what an Item is.
type Kind uint8

// The kinds.
const (
	// Message is a BGP message of a peer.
	Message Kind = iota + 1
	// State is a change of a peer's FSM state (MRT, RIS Live); a session is up when NewState is Established.
	State
	// PeerUp and PeerDown are BMP's.
	PeerUp
	PeerDown
	// RIB is one prefix of a table and the peers that hold it.
	RIB
	// CollectorUp and CollectorDown: a BMP Initiation and Termination.
	CollectorUp
	CollectorDown
	// Note is a record that is well-formed and has nothing for us (KEEPALIVE of RIS Live, BMP statistics, MRT peer index
	// tables, families that are not decoded): it counts as read.
	Note
)

// Item is one thing that a capture says. Its slices hold until the Reader's next call.
type Item struct {
	Kind Kind
	// Number counts records in the file from 1; Offset is where the record begins in the decompressed stream.
	Number uint64
	Offset int64
	// Timestamp is the collector's, microseconds since 1970, UTC; 0 where the source has none.
	Timestamp int64
	// Collector is what the source itself calls the collector (RIS Live host); empty for MRT and BMP.
	Collector string
	Peer      bgp.Peer
	// BGPID is invalid where the source has none.
	BGPID netip.Addr
	// Message: the BGP message from the marker on, whole unless its source cut it, and how to read it (wire.Options).
	Message                  []byte
	ASOctets                 uint8
	AddPathIPv4, AddPathIPv6 bool
	// State.
	OldState, NewState bgp.FSMState
	// RIB.
	Prefix  netip.Prefix
	Entries []RIBEntry
	// Local is set where the collector sent the message itself (RFC 8050 §3, RIS Live's direction): it is no news of the peer.
	Local bool
	// Index lists the peers of a table dump, in an item of kind Note that is its peer index table.
	Index []bgp.Peer
	// Note says what an item of kind Note is, in words of a closed set: keepalive, statistics, peer index table, ...
	Note string
	// Family is that of a Note about a table's prefix of a family that is not decoded.
	Family wire.AFISAFI
	// Text is what the source says in words: a router's sysName and sysDescr, the reason of a Peer Down, an error of RIS Live.
	Text string
	// Type is the source's own name of the record for printing: BGP4MP, BGP4MP_ET, TABLE_DUMP, TABLE_DUMP2 (as bgpdump), ris_message, bmp, ...
	Type string
}

// RIBEntry is one peer's route to the prefix of an Item of kind RIB.
type RIBEntry struct {
	Peer  bgp.Peer
	BGPID netip.Addr
	// Originated is Unix seconds.
	Originated int64
	PathID     uint32
	HasPathID  bool
	// Attributes are the path attributes as stored (RFC 6396 §4.3.4: 4-octet AS numbers and short MP_REACH in
	// TABLE_DUMP_V2, 2-octet in TABLE_DUMP); ASOctets says which.
	Attributes []byte
	ASOctets   uint8
}
