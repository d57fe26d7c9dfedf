package capture

import (
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// Kind is the kind of an Item.
type Kind uint8

// The kinds.
const (
	// Message is a BGP message of a peer.
	Message Kind = iota + 1
	// State is a change of a peer's FSM state (MRT, RIS Live). The session is up if NewState is
	// Established.
	State
	// PeerUp and PeerDown are BMP's Peer Up and Peer Down.
	PeerUp
	PeerDown
	// RIB is one prefix of a table and the peers that hold it.
	RIB
	// CollectorUp and CollectorDown are BMP's Initiation and Termination.
	CollectorUp
	CollectorDown
	// Note is a well-formed record without routes or states: KEEPALIVE of RIS Live, BMP statistics,
	// MRT peer index tables, address families that are not decoded. It counts as read.
	Note
)

// Item is one record of a capture. Its slices are valid until the next call of the Reader.
type Item struct {
	Kind Kind
	// Number counts the records of the file from 1. Offset is the start of the record in the
	// decompressed stream.
	Number uint64
	Offset int64
	// Timestamp is the collector's time, in microseconds since 1970, UTC; 0 if the source has none.
	Timestamp int64
	// Collector is the source's own name of the collector (RIS Live host); empty for MRT and BMP.
	Collector string
	Peer      bgp.Peer
	// BGPID is invalid if the source has none.
	BGPID netip.Addr
	// Message is the BGP message of kind Message from the marker on, whole unless its source cut
	// it. ASOctets and AddPath are its encoding (wire.Options).
	Message                  []byte
	ASOctets                 uint8
	AddPathIPv4, AddPathIPv6 bool
	// OldState and NewState are the states of kind State.
	OldState, NewState bgp.FSMState
	// Prefix and Entries are the prefix and the routes of kind RIB.
	Prefix  netip.Prefix
	Entries []RIBEntry
	// Local is set if the collector itself sent the message (RFC 8050 §3, RIS Live's direction).
	// Such a message reports no route of the peer.
	Local bool
	// Index lists the peers of a table dump. It is set in the item of kind Note of the peer index
	// table.
	Index []bgp.Peer
	// Note names the record of kind Note with one of a fixed set of words: keepalive, statistics,
	// peer index table, ...
	Note string
	// Family is the family of a table's prefix that is not decoded, in an item of kind Note.
	Family wire.AFISAFI
	// Text is text of the source: a router's sysName and sysDescr, the reason of a Peer Down, an
	// error of RIS Live.
	Text string
	// Type is the source's own name of the record, for display: BGP4MP, BGP4MP_ET, TABLE_DUMP,
	// TABLE_DUMP2 (as bgpdump), ris_message, bmp, ...
	Type string
}

// RIBEntry is one peer's route to the prefix of an Item of kind RIB.
type RIBEntry struct {
	Peer  bgp.Peer
	BGPID netip.Addr
	// Originated is the time of origination, in Unix seconds.
	Originated int64
	PathID     uint32
	HasPathID  bool
	// Attributes are the path attributes as in the file (RFC 6396 §4.3.4: 4-octet AS numbers and
	// short MP_REACH in TABLE_DUMP_V2, 2-octet AS numbers in TABLE_DUMP). ASOctets is the size of
	// their AS numbers.
	Attributes []byte
	ASOctets   uint8
}
