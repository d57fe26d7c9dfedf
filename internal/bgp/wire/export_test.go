package wire

// bmpFlagF is the F flag. It has the position of the V flag in the header of a Loc-RIB peer (RFC
// 9069 §4.2).
const bmpFlagF = 0x80

// Filtered returns the F flag: the router sends a part of its Loc-RIB (RFC 9069 §4.2).
func (p *BMPPeer) Filtered() bool { return p.Type == BMPPeerLocRIB && p.Flags&bmpFlagF != 0 }

// PostPolicy returns the L flag of Adj-RIB-In and Adj-RIB-Out (RFC 7854 §5, RFC 8671 §5).
func (p *BMPPeer) PostPolicy() bool { return p.Type != BMPPeerLocRIB && p.Flags&bmpFlagL != 0 }

// Peers returns the number of peers that are up.
func (s *BMPSession) Peers() int { return len(s.peers) }

// Offset returns the number of consumed octets: the offset of the next record.
func (m *MRTReader) Offset() int64 { return m.offset }
