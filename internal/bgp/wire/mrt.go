package wire

import (
	"fmt"

	"github.com/darkmap/darkmap/internal/bgp"
)

// MRTType is the type of an MRT record (RFC 6396 §4).
type MRTType uint16

// Types that darkmap reads.
const (
	MRTBGP         MRTType = 5 // deprecated (RFC 6396 appendix B.2): the first years of RIS
	MRTTableDump   MRTType = 12
	MRTTableDumpV2 MRTType = 13
	MRTBGP4MP      MRTType = 16
	MRTBGP4MPET    MRTType = 17
)

// Subtypes of BGP (RFC 6396 appendix B.2.1).
const (
	subtypeBGPUpdate      = 1
	subtypeBGPStateChange = 3
	subtypeBGPOpen        = 5
	subtypeBGPNotify      = 6
	subtypeBGPKeepalive   = 7
)

// Subtypes of BGP4MP and BGP4MP_ET (RFC 6396 §4.4, RFC 8050 §3).
const (
	subtypeStateChange            = 0
	subtypeMessage                = 1
	subtypeEntry                  = 2
	subtypeSnapshot               = 3
	subtypeMessageAS4             = 4
	subtypeStateChangeAS4         = 5
	subtypeMessageLocal           = 6
	subtypeMessageAS4Local        = 7
	subtypeMessageAddPath         = 8
	subtypeMessageAS4AddPath      = 9
	subtypeMessageLocalAddPath    = 10
	subtypeMessageAS4LocalAddPath = 11
)

// Subtypes of TABLE_DUMP_V2 (RFC 6396 §4.3, RFC 8050 §4).
const (
	subtypePeerIndexTable       = 1
	subtypeIPv4Unicast          = 2
	subtypeIPv4Multicast        = 3
	subtypeIPv6Unicast          = 4
	subtypeIPv6Multicast        = 5
	subtypeGeneric              = 6
	subtypeIPv4UnicastAddPath   = 8
	subtypeIPv4MulticastAddPath = 9
	subtypeIPv6UnicastAddPath   = 10
	subtypeIPv6MulticastAddPath = 11
	subtypeGenericAddPath       = 12
)

// MRTClass selects the parser of a record.
type MRTClass uint8

// The classes.
const (
	// MRTOther is a record that darkmap does not read: a record of another protocol, or ENTRY and
	// SNAPSHOT of BGP4MP.
	MRTOther MRTClass = iota
	// MRTMessageRecord is parsed by MRTRecord.Message.
	MRTMessageRecord
	// MRTStateRecord is parsed by MRTRecord.StateChange.
	MRTStateRecord
	// MRTPeerIndexRecord is parsed by MRTRecord.PeerIndex.
	MRTPeerIndexRecord
	// MRTRIBRecord is one prefix of TABLE_DUMP_V2, parsed by MRTRecord.RIB.
	MRTRIBRecord
	// MRTTableDumpRecord is one route of TABLE_DUMP, parsed by MRTRecord.TableDump.
	MRTTableDumpRecord
)

// MRTRecord is one record of an MRT file (RFC 6396 §2).
type MRTRecord struct {
	Number    uint64 // from 1, damaged records included
	Offset    int64  // offset of the record in the decompressed stream
	Timestamp int64  // microseconds since 1970, UTC
	Type      MRTType
	Subtype   uint16
	// Body holds the octets behind the header, without the microseconds of BGP4MP_ET. The reader
	// owns it.
	Body []byte
}

// Class returns the class of the record.
func (r *MRTRecord) Class() MRTClass {
	switch r.Type {
	case MRTBGP:
		switch r.Subtype {
		case subtypeBGPUpdate, subtypeBGPOpen, subtypeBGPNotify, subtypeBGPKeepalive:
			return MRTMessageRecord
		case subtypeBGPStateChange:
			return MRTStateRecord
		}
	case MRTTableDump:
		if r.Subtype >= 1 && r.Subtype <= 4 {
			return MRTTableDumpRecord
		}
	case MRTTableDumpV2:
		switch {
		case r.Subtype == subtypePeerIndexTable:
			return MRTPeerIndexRecord
		case r.Subtype >= subtypeIPv4Unicast && r.Subtype <= subtypeGeneric,
			r.Subtype >= subtypeIPv4UnicastAddPath && r.Subtype <= subtypeGenericAddPath:
			return MRTRIBRecord
		}
	case MRTBGP4MP, MRTBGP4MPET:
		switch {
		case r.Subtype == subtypeStateChange || r.Subtype == subtypeStateChangeAS4:
			return MRTStateRecord
		case r.Subtype == subtypeMessage ||
			r.Subtype >= subtypeMessageAS4 && r.Subtype <= subtypeMessageAS4LocalAddPath:
			return MRTMessageRecord
		}
	}
	return MRTOther
}

// Format returns the name that bgpdump prints for records of this kind: BGP4MP (also for type BGP),
// BGP4MP_ET_LOCAL, TABLE_DUMP2_AP and so on. For other records it returns a name made of their
// numbers.
func (r *MRTRecord) Format() string {
	switch r.Class() {
	case MRTTableDumpRecord:
		return "TABLE_DUMP"
	case MRTRIBRecord, MRTPeerIndexRecord:
		if r.Subtype >= subtypeIPv4UnicastAddPath {
			return "TABLE_DUMP2_AP"
		}
		return "TABLE_DUMP2"
	case MRTMessageRecord, MRTStateRecord:
		names := [...]string{
			"BGP4MP", "BGP4MP_AP", "BGP4MP_LOCAL", "BGP4MP_LOCAL_AP",
			"BGP4MP_ET", "BGP4MP_ET_AP", "BGP4MP_ET_LOCAL", "BGP4MP_ET_LOCAL_AP",
		}
		i := 0
		if r.Type == MRTBGP {
			return names[i]
		}
		if r.Subtype >= subtypeMessageAddPath {
			i++
		}
		if r.local() {
			i += 2
		}
		if r.Type == MRTBGP4MPET {
			i += 4
		}
		return names[i]
	case MRTOther:
	}
	return fmt.Sprintf("MRT_%d_%d", r.Type, r.Subtype)
}

// Family returns the address family of a RIB record according to its subtype. For RIB_GENERIC it
// reads the family from the body. It returns zero if that is too short, and for other records.
func (r *MRTRecord) Family() AFISAFI {
	if r.Type == MRTTableDump {
		if r.Subtype%2 == 1 {
			return AFISAFI{bgp.AFIIPv4, bgp.SAFIUnicast}
		}
		return AFISAFI{bgp.AFIIPv6, bgp.SAFIUnicast}
	}
	switch r.Subtype {
	case subtypeIPv4Unicast, subtypeIPv4UnicastAddPath:
		return AFISAFI{bgp.AFIIPv4, bgp.SAFIUnicast}
	case subtypeIPv6Unicast, subtypeIPv6UnicastAddPath:
		return AFISAFI{bgp.AFIIPv6, bgp.SAFIUnicast}
	case subtypeIPv4Multicast, subtypeIPv4MulticastAddPath:
		return AFISAFI{bgp.AFIIPv4, safiMulticast}
	case subtypeIPv6Multicast, subtypeIPv6MulticastAddPath:
		return AFISAFI{bgp.AFIIPv6, safiMulticast}
	case subtypeGeneric, subtypeGenericAddPath:
		if len(r.Body) >= 7 {
			return AFISAFI{bgp.AFI(uint16(r.Body[4])<<8 | uint16(r.Body[5])), bgp.SAFI(r.Body[6])}
		}
	}
	return AFISAFI{}
}

func (r *MRTRecord) local() bool {
	switch r.Subtype {
	case subtypeMessageLocal, subtypeMessageAS4Local, subtypeMessageLocalAddPath, subtypeMessageAS4LocalAddPath:
		return true
	}
	return false
}
